from __future__ import annotations

import json

import pytest
import slicer
from NeoSegDINOLib.results import REPORT_ATTRIBUTE, ResultRow, report_of, rows


def report(**changes):
    sides = [
        {"side": "right", "volume_ml": 1.234, "confidence": None},
        {"side": "left", "volume_ml": 1.111, "confidence": 0.876},
    ]
    return {"schema": "neosegdino-report/1", "hippocampus": sides, "warnings": []} | changes


def carrying(text):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetAttribute(REPORT_ATTRIBUTE, text)
    return node


def test_left_comes_before_right():
    assert rows(report()) == [ResultRow("Left", 1.111, 0.876), ResultRow("Right", 1.234, None)]


def test_report_is_read_from_the_node(slicer_scene):
    assert report_of(carrying(json.dumps(report()))) == report()


@pytest.mark.parametrize("text", ["{", "[]", "null", json.dumps(report(schema="another/1"))])
def test_a_report_that_cannot_be_read_is_none(slicer_scene, text):
    assert report_of(carrying(text)) is None


def test_no_node_no_report(slicer_scene):
    assert report_of(None) is None
    assert report_of(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")) is None
