from __future__ import annotations

import pytest
from NeoSegDINOLib.case_table import fill_case_table, summary

BAD = {"kind": "empty", "message": "The left side is empty.", "remedy": "Outline it.", "blocking": True}
HINT = {"kind": "other-values", "message": "There is a value 7.", "remedy": "Look at it.", "blocking": False}


def report(name, problems=(), **fields):
    return {"name": name, "problems": list(problems), **fields}


@pytest.fixture
def table(module_widget):
    return module_widget.ui.caseTable


def texts(table, row):
    return [table.item(row, column).text() for column in range(table.columnCount)]


def test_what_is_known_and_what_is_not(table):
    known = {"contrast": "T2w", "volume_mm3": {"left": 871.4, "right": None}}
    rows = [
        report("a", spacing_mm=[0.8, 0.8, 0.8], **known),
        report("b", spacing_mm=[0.5, 0.5, 2], contrast="unknown", volume_mm3=None),
        report("c", spacing_mm=None, contrast=None),
        {"name": "d"},
    ]
    fill_case_table(table, rows)
    assert texts(table, 0) == ["a", "T2w, 0.8 mm", "0.87", "\u2013"]
    assert texts(table, 1) == ["b", "0.5 \u00d7 0.5 \u00d7 2 mm", "\u2013", "\u2013"]
    assert texts(table, 2)[1] == "\u2013"
    assert texts(table, 3)[0] == "d"


def test_blocking_problems_come_first_in_the_tooltip(table):
    fill_case_table(table, [report("a", [HINT, BAD])])
    assert table.item(0, 3).toolTip() == "The left side is empty. Outline it.\nThere is a value 7. Look at it."


def test_marks_tell_good_bad_and_doubtful_apart(table):
    fill_case_table(table, [report("a"), report("b", [HINT]), report("c", [BAD])])
    marks = [table.item(row, 0).icon().pixmap(16, 16).toImage() for row in range(3)]
    assert marks[0] != marks[1] != marks[2] != marks[0]


@pytest.mark.parametrize(
    ("reports", "leave_out", "words"),
    [
        ([], False, "No cases yet"),
        ([report("a")], False, "1 case, good."),
        ([report("a"), report("b", [HINT])], False, "2 cases, all good."),
        ([report("a"), report("b", [BAD])], False, "1 of 2 cases cannot be used"),
        ([report("a"), report("b", [BAD])], True, "1 of 2 cases; 1 bad left out."),
    ],
)
def test_summary(slicer_scene, reports, leave_out, words):
    assert summary(reports, leave_out_bad=leave_out).startswith(words)
