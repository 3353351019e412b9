"""The paper's table beside ours, as text, Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from neosegdino import __version__
from neosegdino.evaluation.bootstrap import Spread
from neosegdino.evaluation.results import INTERVAL
from neosegdino.evaluation.tables import as_csv
from neosegdino.files import atomic_path
from neosegdino.report import RESEARCH_USE
from neosegdino.spec import Spec

SCHEMA: Literal["neosegdino-albert/1"] = "neosegdino-albert/1"
PAPER = "arXiv 2602.23962"
_HEAD = ("setting", f"paper ({PAPER})", "ours: mean", "sd", "95 % interval", "n", "newborns", "failed")


class ComparisonRow(Spec, frozen=True):
    """Dice of one setting over all held-out folds."""

    setting: str
    paper: str
    """What the paper says, as far as it is known."""
    ours: Spread
    """Over hippocampi (left and right of each case); the interval is drawn over newborns."""
    failed: int
    """Cases that could not be evaluated; they are in no figure."""


class Comparison(Spec, frozen=True):
    """The whole table and what it takes to read it."""

    schema: Literal["neosegdino-albert/1"]
    neosegdino: str
    rows: tuple[ComparisonRow, ...]
    contrast: str
    folds: int
    left_out: tuple[str, ...]
    interval: str = INTERVAL
    research_use: str = RESEARCH_USE

    def text(self) -> str:
        """The table for a terminal."""
        table = [_HEAD, *(_cells(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*(line.rstrip() for line in lines), "", *self._notes()])

    def markdown(self) -> str:
        """The table for a page."""
        rows = [_HEAD, ("---",) * len(_HEAD), *(_cells(row) for row in self.rows)]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return (
            "\n".join(["# ALBERT: Dice of the hippocampus", "", *lines, "", *(f"- {note}" for note in self._notes())])
            + "\n"
        )

    def write(self, folder: Path) -> None:
        """Write ``table.csv``, ``table.json`` and ``table.md``.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        content = {
            "table.csv": as_csv(self.rows, ComparisonRow),
            "table.json": msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n",
            "table.md": self.markdown(),
        }
        for name, text in content.items():
            with atomic_path(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="")

    def _notes(self) -> list[str]:
        images = {"both": "T1w and T2w"}.get(self.contrast, f"{self.contrast}w")
        notes = [
            f"Dice on {images} images, each newborn held out once in {self.folds} folds; n counts hippocampi.",
            f"Interval: {self.interval}.",
            "The paper's split, preprocessing and encoder weights may differ from ours: mind that when reading.",
        ]
        if self.left_out:
            notes.append(f"Left out: {', '.join(self.left_out)}.")
        return [*notes, RESEARCH_USE]


def comparison(rows: Sequence[ComparisonRow], contrast: str, folds: int, left_out: Sequence[str]) -> Comparison:
    """Make the table."""
    return Comparison(SCHEMA, __version__, tuple(rows), contrast, folds, tuple(left_out))


def _cells(row: ComparisonRow) -> tuple[str, ...]:
    ours = row.ours
    mean, sd, low, high = (
        "-" if value is None else f"{value:.3f}" for value in (ours.mean, ours.sd, ours.low, ours.high)
    )
    interval = "-" if ours.low is None else f"{low} to {high}"
    return (row.setting, row.paper, mean, sd, interval, str(ours.count), str(ours.subjects), str(row.failed))
