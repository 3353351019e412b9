"""The table of cases with what the preflight has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

COLUMNS = 4
UNKNOWN = "\u2013"
SHOWN_ROWS = 6
"""Rows that the table shows without scrolling."""


def is_bad(report: dict[str, Any]) -> bool:
    """Whether a case cannot be trained on."""
    return any(problem["blocking"] for problem in report.get("problems") or ())


def fill_case_table(table: Any, reports: Sequence[dict[str, Any]]) -> None:
    """Show one row a case; what is wrong with it stands in the row's tooltip, with the remedy."""
    table.rowCount = len(reports)
    for row, report in enumerate(reports):
        tip = _problems_in_words(report)
        for column, text in enumerate(_texts(report)):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(tip)
            if column == 0:
                item.setIcon(_mark(table, report))
            else:
                item.setTextAlignment(qt.Qt.AlignCenter)
            table.setItem(row, column, item)
    table.setFixedHeight(_height(table, len(reports)))


def selected_rows(table: Any) -> list[int]:
    """Rows that the user has selected."""
    return sorted({index.row() for index in table.selectionModel().selectedRows()})


def summary(reports: Sequence[dict[str, Any]], *, leave_out_bad: bool) -> str:
    """One line below the table."""
    bad = sum(is_bad(report) for report in reports)
    if not reports:
        return _("No cases yet. Add images with labels of both hippocampi.")
    if not bad:
        return _("{count} cases, all good.").format(count=len(reports)) if len(reports) > 1 else _("1 case, good.")
    if leave_out_bad:
        return _("{good} of {count} cases; {bad} bad left out.").format(
            good=len(reports) - bad, count=len(reports), bad=bad
        )
    return _("{bad} of {count} cases cannot be used: remove them or leave them out.").format(
        bad=bad, count=len(reports)
    )


def _texts(report: dict[str, Any]) -> list[str]:
    volumes = report.get("volume_mm3") or {}
    sides = [_millilitres(volumes.get(side)) for side in ("left", "right")]
    return [report["name"], _image_in_words(report.get("contrast"), report.get("spacing_mm")), *sides]


def _image_in_words(contrast: str | None, spacing: Sequence[float] | None) -> str:
    """Contrast and voxel size, as far as they are known."""
    parts = [] if contrast in (None, "unknown") else [contrast]
    if spacing:
        same = max(spacing) - min(spacing) < 0.005
        steps = f"{spacing[0]:.2g}" if same else " \u00d7 ".join(f"{step:.2g}" for step in spacing)
        parts.append(_("{size} mm").format(size=steps))
    return ", ".join(str(part) for part in parts) or UNKNOWN


def _millilitres(volume_mm3: float | None) -> str:
    return UNKNOWN if volume_mm3 is None else f"{volume_mm3 / 1000:.2f}"


def _problems_in_words(report: dict[str, Any]) -> str:
    """Problems with their remedies, the blocking ones first; the files where there are none."""
    problems = sorted(report.get("problems") or (), key=lambda problem: not problem["blocking"])
    lines = [f"{problem['message']} {problem['remedy']}".strip() for problem in problems]
    return "\n".join(lines) or "\n".join(str(report.get(file, "")) for file in ("image", "labels"))


def _mark(table: Any, report: dict[str, Any]) -> Any:
    style = table.style()
    if is_bad(report):
        return style.standardIcon(qt.QStyle.SP_MessageBoxCritical)
    if report.get("problems"):
        return style.standardIcon(qt.QStyle.SP_MessageBoxWarning)
    return style.standardIcon(qt.QStyle.SP_DialogApplyButton)


def _height(table: Any, count: int) -> int:
    """Height of a few rows; more are scrolled to."""
    header = table.horizontalHeader().sizeHint().height()
    rows = min(max(count, 2), SHOWN_ROWS)
    return int(header + rows * table.verticalHeader().defaultSectionSize + 2 * table.frameWidth)
