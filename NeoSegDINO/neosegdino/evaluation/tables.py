"""Rows as CSV and as a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from neosegdino.spec import Spec

if TYPE_CHECKING:
    from neosegdino.evaluation.results import SummaryRow

_NAMES = {
    "dice": ("Dice", 3),
    "hd95_mm": ("HD95, mm", 2),
    "assd_mm": ("ASSD, mm", 2),
    "surface_dice_05mm": ("Surface Dice at 0.5 mm", 3),
    "surface_dice_1mm": ("Surface Dice at 1 mm", 3),
    "reference_mm3": ("Volume of the reference, mm3", 0),
    "found_mm3": ("Volume found, mm3", 0),
    "volume_error_mm3": ("Volume error, mm3", 0),
    "volume_error_percent": ("Volume error, %", 1),
}
"""What people call a measure, and decimals."""
_HEAD = ("measure", "side", "mean", "sd", "median", "95 % interval", "n", "missing")


def as_csv(rows: Iterable[Spec], kind: type[Spec]) -> str:
    """CSV text with a header; the fields of a part stand in place of it, and what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(kind))
    for row in rows:
        writer.writerow([_cell(value) for value in _values(row)])
    return text.getvalue()


def as_text(summary: Sequence[SummaryRow]) -> str:
    """Table of a summary, its columns aligned."""
    table = [_HEAD, *(_line(row) for row in summary)]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEAD))]
    aligned = (
        "  ".join(cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in table)
    )
    return "\n".join(line.rstrip() for line in aligned)


def _line(row: SummaryRow) -> tuple[str, ...]:
    name, decimals = _NAMES[row.measure]
    spread = row.spread
    mean, sd, median, low, high = (
        "-" if value is None else f"{value:.{decimals}f}"
        for value in (spread.mean, spread.sd, spread.median, spread.low, spread.high)
    )
    interval = "-" if spread.low is None else f"{low} to {high}"
    missing = str(row.missing) if row.missing else ""
    return (name if row.side == "left" else "", row.side, mean, sd, median, interval, str(spread.count), missing)


def _columns(kind: type[Spec]) -> list[str]:
    names = []
    for field in msgspec.structs.fields(kind):
        part = isinstance(field.type, type) and issubclass(field.type, Spec)
        names += _columns(field.type) if part else [field.name]
    return names


def _values(row: Spec) -> list[Any]:
    values = []
    for name in row.__struct_fields__:
        value = getattr(row, name)
        values += _values(value) if isinstance(value, Spec) else [value]
    return values


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " | ".join(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
