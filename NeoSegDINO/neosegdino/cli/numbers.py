"""Kinds of values that options take."""

from __future__ import annotations

import click


class Three(click.ParamType):
    """Three whole numbers, one per axis (R, A, S), as in ``2,2,2``."""

    name = "X,Y,Z"

    def convert(
        self, value: str | tuple[int, int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int]:
        """Read them."""
        if isinstance(value, tuple):
            return value
        try:
            x, y, z = (int(part) for part in value.replace("x", ",").split(","))
        except ValueError:
            self.fail(f"{value!r} is not three whole numbers such as 2,2,2.", param, ctx)
        return x, y, z


THREE = Three()
