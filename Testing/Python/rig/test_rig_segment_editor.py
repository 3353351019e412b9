from __future__ import annotations

import pytest
import slicer


@pytest.fixture
def editor(slicer_scene):
    slicer.util.selectModule("SegmentEditor")
    yield slicer.modules.segmenteditor.widgetRepresentation().self().editor
    slicer.modules.segmenteditor.widgetRepresentation().exit()


def test_nodes_are_set_in_their_order(editor):
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(volume)
    assert editor.segmentationNode() is segmentation
    assert editor.sourceVolumeNode() is volume
    assert editor.mrmlSegmentEditorNode().GetSegmentationNode() is segmentation


def test_a_volume_before_its_segmentation_is_not_taken(editor, slicer_scene):
    editor.setSourceVolumeNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))
    assert editor.sourceVolumeNode() is None
    assert "need to set segment editor and segmentation nodes first" in slicer_scene.problems.take()[0]


def test_a_widget_without_its_own_node_takes_nothing(slicer_scene):
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setSegmentationNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode"))
    assert editor.segmentationNode() is None
    assert len(slicer_scene.problems.take()) == 1


def test_a_node_of_another_class_is_refused(editor, slicer_scene):
    with pytest.raises(TypeError):
        editor.setSegmentationNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))
    assert slicer_scene.problems.take()


def test_the_name_of_old_releases_is_gone(editor):
    with pytest.raises(AttributeError):
        editor.setMasterVolumeNode(None)


def test_a_module_that_is_not_there_cannot_be_selected(slicer_scene):
    slicer.util.selectModule("Nowhere")
    assert "there is none of that name" in slicer_scene.problems.take()[0]


def test_selecting_leaves_the_open_module(editor, module):
    module.widgetRepresentation().enter()
    slicer.util.selectModule("SegmentEditor")
    assert not module.widgetRepresentation().isEntered
    assert slicer.util.selectedModule() == "SegmentEditor"
