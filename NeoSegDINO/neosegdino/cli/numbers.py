"""Kinds of values that options take."""

from __future__ import annotations

import click


def three(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, int, int] | None:
    """Three whole numbers, one per axis (R, A, S), from a text such as ``2,2,2``."""
    if text is None:
        return None
    try:
        x, y, z = (int(part) for part in text.replace("x", ",").split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not three whole numbers such as 2,2,2.") from error
    return x, y, z
