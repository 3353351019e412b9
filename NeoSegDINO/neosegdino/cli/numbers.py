"""Kinds of values that options take."""

from __future__ import annotations

import math
from typing import Any

import click
import msgspec


def three(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, int, int] | None:
    """Three whole numbers, one per axis (R, A, S), from a text such as ``2,2,2``."""
    if text is None:
        return None
    try:
        x, y, z = (int(part) for part in text.replace("x", ",").split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not three whole numbers such as 2,2,2.") from error
    return x, y, z


def three_lengths(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[float, float, float] | None:
    """Three lengths in millimetres, one per axis (R, A, S), from a text such as ``0.8,0.8,1``."""
    if text is None:
        return None
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not three numbers such as 0.8,0.8,1.") from error
    if not all(0 < side < math.inf for side in (x, y, z)):
        raise click.BadParameter(f"{text!r} is not three lengths above 0.")
    return x, y, z


def json_object(ctx: click.Context, param: click.Parameter, text: str) -> dict[str, Any]:
    """Named values, from a text such as ``{"dropout": 0.1}``."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise click.BadParameter(f'{text!r} is no JSON object such as {{"dropout": 0.1}}: {error}.') from error
