"""Labels that change after they were chosen."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from module_samples.heads import add_head


@pytest.fixture
def chosen(ui, folder, fake_finetune):
    """A head and its labels, chosen in the form."""
    fake_finetune("waits")
    ui.runFolderEdit.currentPath = str(folder)
    volume, truth = add_head("baby")
    ui.pairVolumeSelector.setCurrentNode(volume)
    ui.pairLabelsSelector.setCurrentNode(truth)
    return truth


@pytest.fixture
def sides(ui, tab):
    """What the form shows and what it would export."""

    def read():
        pair = tab._cases._pair.pair()
        return ui.leftComboBox.currentText, pair.left, ui.rightComboBox.currentText, pair.right

    return read


def copies(truth, node):
    for index in range(2):
        segment = slicer.vtkSegment()
        segment.DeepCopy(truth.GetSegmentation().GetNthSegment(index))
        node.GetSegmentation().AddSegment(segment, f"side{index}")


def test_segments_that_are_drawn_later_are_offered(ui, chosen, sides, slicer_scene):
    mine = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    ui.pairLabelsSelector.setCurrentNode(mine)
    assert not ui.addPairButton.enabled
    copies(chosen, mine)
    slicer_scene.wait_for(lambda: ui.addPairButton.enabled)
    assert sides() == ("Left hippocampus", "side0", "Right hippocampus", "side1")


def test_names_that_are_exchanged_exchange_the_sides(ui, chosen, sides, slicer_scene):
    left, _left, right, _right = sides()
    first, second = (chosen.GetSegmentation().GetNthSegment(index) for index in range(2))
    before = sides()
    for segment, name in ((first, right), (second, left)):
        segment.SetName(name)
        segment.RemoveTag(slicer.vtkSegment.GetTerminologyEntryTagName())
    slicer_scene.wait_for(lambda: sides() != before)
    assert sides() == (left, before[3], right, before[1])


def test_a_choice_of_ones_own_stays(ui, chosen, sides, slicer_scene):
    chosen.GetSegmentation().AddEmptySegment("lesion", "Lesion")
    slicer_scene.wait_for(lambda: ui.leftComboBox.count == 4)
    ui.leftComboBox.currentIndex = 3
    chosen.GetSegmentation().AddEmptySegment("other", "Other")
    slicer_scene.wait_for(lambda: ui.leftComboBox.count == 5)
    assert sides()[:2] == ("Lesion", "lesion")


def test_a_segment_that_is_gone_is_no_choice(ui, chosen, sides, slicer_scene):
    chosen.GetSegmentation().RemoveSegment(sides()[1])
    slicer_scene.wait_for(lambda: not ui.addPairButton.enabled)
    assert sides()[0] == "Choose"
    assert "Say which label is the left" in ui.addPairButton.toolTip


def test_values_of_a_labelmap_follow_its_voxels(ui, chosen, slicer_scene):
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    voxels = np.zeros((4, 5, 6), np.uint8)
    voxels[0, 0, 0] = 1
    slicer.util.updateVolumeFromArray(labels, voxels)
    ui.pairLabelsSelector.setCurrentNode(labels)
    assert ui.leftComboBox.count == 2
    slicer.util.arrayFromVolume(labels)[1, 1, 1] = 2
    slicer.util.arrayFromVolumeModified(labels)
    slicer_scene.wait_for(lambda: ui.leftComboBox.count == 3)
