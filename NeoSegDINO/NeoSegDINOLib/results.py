"""The report that a segmentation node carries, as the panel's result table."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

REPORT_ATTRIBUTE = "NeoSegDINO.Report"
"""Attribute of a segmentation node: the JSON report, saved with the scene."""
SCHEMA = "neosegdino-report/1"
SIDE_COLUMN, CONFIDENCE_COLUMN, PUBLISHED_COLUMN = 0, 2, 3


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


def table_lines(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """Lines of the result table: left before right, then how much they differ; cells are text."""
    names = {"left": _("Left"), "right": _("Right")}
    sides = sorted(report["hippocampus"], key=lambda entry: entry["side"])
    lines = [
        (
            names[entry["side"]],
            f"{entry['volume_ml']:.2f} ml",
            _("none") if entry["confidence"] is None else f"{100 * entry['confidence']:.0f} %",
            _published(report, entry["side"]),
        )
        for entry in sides
    ]
    return [*lines, (_("Asymmetry"), f"{100 * report['asymmetry']:+.1f} %", "", "")]


def sources_in_words(report: dict[str, Any]) -> str:
    """Where published volumes come from, and that they are no reference range; empty where none are shown."""
    if not _values(report):
        return ""
    named = (
        _("Published at {weeks} weeks: {source}.").format(weeks=entry["weeks"], source=entry["source"])
        for entry in _values(report)
    )
    return "\n".join([*named, report["age"]["note"]])


def warnings_in_words(report: dict[str, Any]) -> str:
    """What to look at, a finding a line with its code."""
    codes = {flag["message"]: f" [{flag['code']}]" for flag in report["flags"]}
    return "\n".join(f"\u26a0 {warning}{codes.get(warning, '')}" for warning in report["warnings"])


def fill_table(table: Any, lines: Sequence[tuple[str, ...]]) -> None:
    """Show lines in the panel's QTableWidget; none empties it. Published volumes have a column where there are any."""
    table.rowCount = len(lines)
    for row, cells in enumerate(lines):
        for column, text in enumerate(cells):
            item = qt.QTableWidgetItem(text)
            item.setTextAlignment(qt.Qt.AlignCenter)
            table.setItem(row, column, item)
    table.setColumnHidden(PUBLISHED_COLUMN, not any(cells[PUBLISHED_COLUMN] for cells in lines))
    table.setFixedHeight(_height(table, len(lines)))


def _values(report: dict[str, Any]) -> list[dict[str, Any]]:
    return report["age"]["published"] if report["age"] else []


def _published(report: dict[str, Any], side: str) -> str:
    volumes = ", ".join(f"{entry[f'{side}_ml']:.2f}" for entry in _values(report))
    return f"{volumes} ml" if volumes else ""


def _height(table: Any, count: int) -> int:
    """Height that shows all rows, so that so small a table needs no scroll bar."""
    header = table.horizontalHeader().sizeHint().height()
    return int(header + count * table.verticalHeader().defaultSectionSize + 2 * table.frameWidth)
