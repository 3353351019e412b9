"""What "Segment All" takes and what it leaves out."""

from __future__ import annotations

import slicer
from module_samples.volumes import add_volume
from neosegdino.suitability import Finding
from NeoSegDINOLib import uncertainty
from NeoSegDINOLib.left_volumes import LeftVolumes, left_volumes
from NeoSegDINOLib.run_nodes import mark_node


def look(node):
    """Refuse a volume that is named bad, and warn of one that is named large."""
    known = {"bad": Finding("'bad' is bad.", "", blocking=True), "large": Finding("It is large.", "")}
    return [known[node.GetName()]] if node.GetName() in known else []


def test_suitable_and_refused_ones_are_told_apart(slicer_scene):
    good, _bad, large = add_volume("good"), add_volume("bad"), add_volume("large")
    left = left_volumes(look, lambda node: False)
    assert left.suitable == [good, large]
    assert left.left_out == "Left out: 'bad' is bad."


def test_with_nothing_refused_there_is_nothing_to_say(slicer_scene):
    assert LeftVolumes().left_out == ""


def test_what_waits_is_hidden_or_of_this_module_is_neither_taken_nor_named(slicer_scene):
    waits, hidden, look_node, shade = (add_volume("bad") for _ in range(4))
    hidden.SetHideFromEditors(True)
    mark_node(look_node, "run", "image")
    shade.SetAttribute(uncertainty.MARK, "x")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    assert left_volumes(look, lambda node: node is waits) == LeftVolumes()
