"""Measured figures on their way from the measuring commands into a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from neosegdino.files import atomic_path
from neosegdino.spec import Accuracy


def load_figures(path: Path) -> list[Accuracy]:
    """Read figures; none where there is no file."""
    return msgspec.json.decode(path.read_bytes(), type=list[Accuracy]) if path.exists() else []


def record_figures(path: Path, rows: Sequence[Accuracy]) -> None:
    """Add figures to a file; those of the same data and metric are replaced."""
    measured = {(row.data, row.metric) for row in rows}
    kept = [row for row in load_figures(path) if (row.data, row.metric) not in measured]
    with atomic_path(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode([*kept, *rows]), indent=2) + b"\n")


def dice_rows(
    data: str, dice: Sequence[tuple[float, float]], command: str, *, held_out: bool, note: str = ""
) -> list[Accuracy]:
    """Mean and spread of the Dice of either side.

    Parameters
    ----------
    data : str
        What was measured on.
    dice : sequence of (float, float)
        Left and right, per image.
    command : str
        What measures it again.
    held_out : bool
        Whether nothing of the data was trained or tuned on.
    note : str
        What a reader has to know.
    """
    import numpy as np

    table = np.array(dice, dtype=np.float64)
    spread = table.std(axis=0, ddof=1) if len(table) > 1 else np.zeros(2)
    return [
        Accuracy(
            data=data,
            count=len(table),
            metric=f"Dice, {side}",
            mean=round(float(table[:, column].mean()), 4),
            sd=round(float(spread[column]), 4),
            held_out=held_out,
            command=command,
            note=note,
        )
        for column, side in enumerate(("left", "right"))
    ]
