from __future__ import annotations

import numpy as np
import pytest
import slicer
from module_samples.classes import LEFT, RIGHT
from NeoSegDINOLib.side_choices import Part, guess_sides, parts_of
from NeoSegDINOLib.terminology import terminology_entry


def parts(*names):
    return [Part(str(index), name) for index, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "guess"),
    [
        (("Hippocampus left", "Hippocampus right"), ("0", "1")),
        (("Right-Hippocampus", "Left-Hippocampus"), ("1", "0")),
        (("hippo_R", "hippo_L"), ("1", "0")),
        (("LH hippocampus", "RH hippocampus", "brain"), ("0", "1")),
        (("Amygdala left", "Hippocampus left", "Amygdala right", "Hippocampus right"), ("1", "3")),
        (("Hippocampus links", "Hippocampus rechts"), ("0", "1")),
        (("Segment_1", "Segment_2"), ("", "")),
        (("Hippocampus", "Brain"), ("", "")),
        (("Cleft", "Bright tissue"), ("", "")),
        (("left A", "left B", "right"), ("", "2")),
        ((), ("", "")),
    ],
)
def test_guesses_from_names(names, guess):
    assert guess_sides(parts(*names)) == guess


def test_guesses_from_terms_when_the_names_say_nothing():
    found = [Part("a", "one", terminology_entry(RIGHT)), Part("b", "two", terminology_entry(LEFT))]
    assert guess_sides(found) == ("b", "a")


def test_values_1_and_2_are_the_packages_own():
    assert guess_sides([Part("1", "1"), Part("2", "2")]) == ("1", "2")
    assert guess_sides([Part("3", "3"), Part("4", "4")]) == ("", "")


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_values_of_a_labelmap(slicer_scene, kind):
    voxels = np.zeros((3, 4, 5), kind)
    voxels[0, 0, :3] = [17, 53, 2]
    node = slicer.util.addVolumeFromArray(voxels, nodeClassName="vtkMRMLLabelMapVolumeNode")
    assert [part.key for part in parts_of(node)] == ["2", "17", "53"]


def test_negative_values_of_a_labelmap(slicer_scene):
    voxels = np.zeros((3, 4, 5), np.int16)
    voxels[0, 0, :2] = [-5, 7]
    node = slicer.util.addVolumeFromArray(voxels, nodeClassName="vtkMRMLLabelMapVolumeNode")
    assert [part.key for part in parts_of(node)] == ["-5", "7"]


def test_colours_name_the_values_of_a_labelmap(slicer_scene):
    colours = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", "colours")
    colours.SetTypeToUser()
    colours.SetNumberOfColors(54)
    colours.SetColor(17, "Left-Hippocampus", 1, 0, 0, 1)
    colours.SetColor(53, "Right-Hippocampus", 0, 1, 0, 1)
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0, 0, :2] = [17, 53]
    node = slicer.util.addVolumeFromArray(voxels, nodeClassName="vtkMRMLLabelMapVolumeNode")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID(colours.GetID())
    assert [part.name for part in parts_of(node)] == ["17: Left-Hippocampus", "53: Right-Hippocampus"]
    assert guess_sides(parts_of(node)) == ("17", "53")


def test_nothing_is_offered_where_there_is_nothing(slicer_scene):
    assert parts_of(None) == []
    assert parts_of(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")) == []
    assert parts_of(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")) == []
