from __future__ import annotations

import json

import pytest
import slicer
from neosegdino.age import described
from neosegdino.table import complete
from NeoSegDINOLib.results import (
    REPORT_ATTRIBUTE,
    report_of,
    sources_in_words,
    table_lines,
    warnings_in_words,
)


def report(**changes):
    sides = [
        {"side": "right", "volume_ml": 1.234, "confidence": None},
        {"side": "left", "volume_ml": 1.111, "confidence": 0.876},
    ]
    made = {"schema": "neosegdino-report/1", "hippocampus": sides, "asymmetry": 0.1049, "warnings": []}
    return made | changes


def carrying(text):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetAttribute(REPORT_ATTRIBUTE, text)
    return node


def test_left_comes_before_right_and_then_how_they_differ():
    assert table_lines(complete(report())) == [
        ("Left", "1.11 ml", "88 %", ""),
        ("Right", "1.23 ml", "none", ""),
        ("Asymmetry", "+10.5 %", "", ""),
    ]


def test_published_volumes_stand_beside_the_measured_ones_with_their_source():
    made = complete(report(age=described(31)))
    assert [cells[3] for cells in table_lines(made)] == ["0.81, 1.04 ml", "0.94, 1.16 ml", ""]
    first, second, last = sources_in_words(made).split("\n")
    assert first == "Published at 30 weeks: Fetal T2 atlas, measured on its label maps."
    assert second.startswith("Published at 32 weeks")
    assert "not a reference range" in last


@pytest.mark.parametrize("age", [None, described(29), described(44)])
def test_nothing_published_nothing_shown(age):
    made = complete(report(age=age))
    assert sources_in_words(made) == ""
    assert {cells[3] for cells in table_lines(made)} == {""}


def test_a_warning_is_told_with_its_code():
    flags = [{"code": "volume-range", "message": "Too small."}]
    made = complete(report(flags=flags, warnings=["Too small."]))
    assert warnings_in_words(made) == "\u26a0 Too small. [volume-range]"


def test_a_report_without_flags_is_shown_too():
    assert warnings_in_words(complete(report(warnings=["Of old."]))) == "\u26a0 Of old."


def test_report_is_read_from_the_node(slicer_scene):
    assert report_of(carrying(json.dumps(report()))) == report()


@pytest.mark.parametrize("text", ["{", "[]", "null", json.dumps(report(schema="another/1"))])
def test_a_report_that_cannot_be_read_is_none(slicer_scene, text):
    assert report_of(carrying(text)) is None


def test_no_node_no_report(slicer_scene):
    assert report_of(None) is None
    assert report_of(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")) is None
