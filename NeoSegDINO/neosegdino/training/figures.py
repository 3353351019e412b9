"""Measured figures on their way from the measuring commands into a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

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


def side_rows(
    data: str, metric: str, table: NDArray[np.float64], command: str, *, held_out: bool, note: str = ""
) -> list[Accuracy]:
    """Mean and spread of a metric of either side; no row of a side whose metric never has a meaning.

    Parameters
    ----------
    data : str
        What was measured on.
    metric : str
        Name of the metric.
    table : (images, 2) float array
        Left and right of every image; NaN where it has no meaning, and such images do not count.
    command : str
        What measures it again.
    held_out : bool
        Whether nothing of the data was trained or tuned on.
    note : str
        What a reader has to know.
    """
    known = [column[~np.isnan(column)] for column in table.T]
    return [
        Accuracy(
            data=data,
            count=len(values),
            metric=f"{metric}, {side}",
            mean=round(float(values.mean()), 4),
            sd=round(float(values.std(ddof=1)), 4) if len(values) > 1 else 0.0,
            held_out=held_out,
            command=command,
            note=note,
        )
        for values, side in zip(known, ("left", "right"), strict=True)
        if len(values)
    ]


def single_row(data: str, metric: str, value: float, count: int, command: str, *, note: str = "") -> Accuracy:
    """One figure over all images of held-out data."""
    return Accuracy(data, count, metric, round(value, 4), 0.0, True, command, note)
