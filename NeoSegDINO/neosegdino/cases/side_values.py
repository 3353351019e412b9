"""Which values of a label map are which side: read from text, and checked."""

from __future__ import annotations

import re

from neosegdino.errors import CaseError

Values = tuple[int, ...]
LEFT: Values = (1,)
RIGHT: Values = (2,)
"""The sides where nothing else is said."""


def parse_values(text: str) -> Values:
    """Read whole numbers separated by commas or spaces, such as ``17,18`` or ``17 18``.

    Raises
    ------
    ValueError
        Something else stands there.
    """
    return tuple(int(part) for part in re.split(r"[,\s]+", text.strip()) if part)


def check_values(left: Values, right: Values, where: str) -> None:
    """Check that both sides have values of their own.

    Parameters
    ----------
    left, right : tuple of int
        Values of the sides.
    where : str
        What they were given for, for the message.

    Raises
    ------
    CaseError
        A side has no value, a value below 1, or one of the other side.
    """
    remedy = "Give each side its own values of the label map, for example 1 for left and 2 for right."
    if not left or not right or min(*left, *right) < 1:
        raise CaseError(f"{where}: the left and the right hippocampus each need values of 1 or more.", remedy)
    if both := sorted(set(left) & set(right)):
        raise CaseError(f"{where}: the value {both[0]} stands for left and for right.", remedy)
