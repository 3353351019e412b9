"""The preflight as text: a table, and below it what is wrong and what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from neosegdino.cases.case_report import CaseReport, Problem

_HEADER = ("", "case", "subject", "contrast", "voxels", "spacing mm", "axes", "labels", "left mm3", "right mm3")
_NUMBERS = 2
"""Columns at the end that are aligned to the right."""
_BAD, _ODD = "x", "!"
_NONE = "-"
_MOST_VALUES = 4


def table(reports: Sequence[CaseReport], width: int = 100) -> str:
    """Return the preflight as text; bad cases are marked ``x``, those worth a look ``!``.

    Parameters
    ----------
    reports : sequence of CaseReport
        The preflight.
    width : int, optional
        Columns of the text below the table.
    """
    rows = [_HEADER, *(_row(report) for report in reports)]
    parts = [_aligned(_without_subjects(rows))]
    parts += [_paragraph(report, width) for report in reports if report.problems]
    parts.append(_summary(reports))
    return "\n\n".join(parts)


def _row(report: CaseReport) -> tuple[str, ...]:
    mark = _BAD if report.bad else _ODD if report.problems else ""
    return (
        mark,
        report.name,
        report.subject,
        "?" if report.contrast == "unknown" else report.contrast,
        _NONE if report.shape is None else "x".join(str(count) for count in report.shape),
        _spacing(report.spacing_mm),
        "".join(report.axis_codes or (_NONE,)),
        _values(report.label_values),
        *(_NONE if size is None else f"{size:.0f}" for size in (report.volume_mm3.left, report.volume_mm3.right)),
    )


def _spacing(spacing: tuple[float, float, float] | None) -> str:
    """Voxel size, once where it is the same along all axes."""
    if spacing is None:
        return _NONE
    sides = [f"{side:.3g}" for side in spacing]
    return sides[0] if len(set(sides)) == 1 else " x ".join(sides)


def _values(values: tuple[int, ...]) -> str:
    shown = ",".join(str(value) for value in values[:_MOST_VALUES])
    return (shown + (",..." if len(values) > _MOST_VALUES else "")) or _NONE


def _without_subjects(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows without the column of subjects, where each case is one."""
    redundant = all(name == subject for _, name, subject, *_ in rows[1:])
    return [(*row[:2], *row[3:]) if redundant else row for row in rows]


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cells(row: tuple[str, ...], widths: Sequence[int]) -> list[str]:
    numbers = len(row) - _NUMBERS
    cells = enumerate(zip(row, widths, strict=True))
    return [cell.rjust(width) if column >= numbers else cell.ljust(width) for column, (cell, width) in cells]


def _paragraph(report: CaseReport, width: int) -> str:
    return "\n".join([report.name, *(_filled(problem, width) for problem in report.problems)])


def _filled(problem: Problem, width: int) -> str:
    mark = _BAD if problem.blocking else _ODD
    lines = _wrapped(problem.message, width, f"  {mark} ")
    return "\n".join(lines + (_wrapped(problem.remedy, width, "    -> ") if problem.remedy else []))


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """Lines of a text; paths stay whole."""
    under = " " * len(indent)
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=under, break_on_hyphens=False, break_long_words=False
    )


def _summary(reports: Sequence[CaseReport]) -> str:
    bad = sum(report.bad for report in reports)
    subjects = len({report.subject for report in reports})
    counted = f"{_count(len(reports), 'case')} of {_count(subjects, 'subject')}"
    if not bad:
        return f"{counted}: all can be used."
    can = f"{counted}: {len(reports) - bad} can be used, {bad} cannot (marked {_BAD})."
    return f"{can} Training leaves those out with --leave-out-bad."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
