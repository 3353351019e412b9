"""The report that a segmentation node carries, as the panel's result table."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

REPORT_ATTRIBUTE = "NeoSegDINO.Report"
"""Attribute of a segmentation node: the JSON report, saved with the scene."""
SCHEMA = "neosegdino-report/1"


@dataclass(frozen=True)
class ResultRow:
    """One side of the result table: volume in ml, confidence 0..1."""

    side: str
    volume_ml: float
    confidence: float | None


def report_of(node: Any) -> dict[str, Any] | None:
    """Report that a segmentation node carries; None if there is none that can be read."""
    text = node.GetAttribute(REPORT_ATTRIBUTE) if node is not None else None
    if text is None:
        return None
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        logging.warning("NeoSegDINO: the report of '%s' is damaged and is not shown.", node.GetName())
        return None
    return report if isinstance(report, dict) and report.get("schema") == SCHEMA else None


def rows(report: dict[str, Any]) -> list[ResultRow]:
    """Rows of the result table, left before right."""
    names = {"left": _("Left"), "right": _("Right")}
    sides = sorted(report["hippocampus"], key=lambda entry: entry["side"])
    return [ResultRow(names[entry["side"]], entry["volume_ml"], entry["confidence"]) for entry in sides]


def fill_table(table: Any, result: Sequence[ResultRow]) -> None:
    """Show rows in the panel's QTableWidget; none empties it."""
    table.rowCount = len(result)
    for index, row in enumerate(result):
        confidence = _("none") if row.confidence is None else f"{100 * row.confidence:.0f} %"
        for column, text in enumerate((row.side, f"{row.volume_ml:.2f} ml", confidence)):
            item = qt.QTableWidgetItem(text)
            item.setTextAlignment(qt.Qt.AlignCenter)
            table.setItem(index, column, item)
    table.setFixedHeight(_height(table, len(result)))


def _height(table: Any, count: int) -> int:
    """Height that shows all rows, so that so small a table needs no scroll bar."""
    header = table.horizontalHeader().sizeHint().height()
    return int(header + count * table.verticalHeader().defaultSectionSize + 2 * table.frameWidth)
