"""The uncertainty as a volume of a real scene."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from module_samples.classes import CLASSES, LEFT
from module_samples.volumes import MATRIX, add_volume, scene_contents
from NeoSegDINOLib import uncertainty
from NeoSegDINOLib.label_boxes import label_boxes
from NeoSegDINOLib.segmentation import show_segmentation
from NeoSegDINOLib.uncertainty_box import UncertaintyBox

REPORT = {"schema": "neosegdino-report/1"}
ORIGIN = (10, 12, 5)
MOVE = np.array([[0, -1, 0, 30], [1, 0, 0, -4], [0, 0, 1, 7], [0, 0, 0, 1.0]])
VALUES = np.arange(60, dtype=np.float16).reshape(3, 4, 5) / 100


@pytest.fixture
def volume(slicer_scene):
    return add_volume()


@pytest.fixture
def node(volume):
    return segmented(volume)


def segmented(volume, values=VALUES, node=None):
    labels = np.zeros((50, 40, 24), np.uint8)
    labels[10:15, 12:16, 5:9] = LEFT.label
    box = None if values is None else UncertaintyBox(ORIGIN, values)
    return show_segmentation(volume, label_boxes(labels, CLASSES), REPORT, node, box)


def overlay(node):
    return node.GetNodeReference(uncertainty.ROLE)


def value_at(shown, index, geometry=MATRIX):
    """Value where the input has a voxel; a loaded volume may have its voxels in another order."""
    matrix = vtk.vtkMatrix4x4()
    shown.GetRASToIJKMatrix(matrix)
    i, j, k = np.rint(slicer.util.arrayFromVTKMatrix(matrix) @ geometry @ np.array([*index, 1.0])).astype(int)[:3]
    return slicer.util.arrayFromVolume(shown)[k, j, i]


def foregrounds():
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return {(view.GetForegroundVolumeID(), round(view.GetForegroundOpacity(), 2)) for view in views}


def test_a_result_brings_no_volume_into_the_scene(node):
    assert uncertainty.can_be_shown(node)
    assert not uncertainty.is_shown(node)
    assert len(slicer.util.getNodesByClass(uncertainty.VOLUME)) == 1


def test_shown_over_all_slices_where_the_model_is_unsure(node):
    uncertainty.show(node)
    shown = overlay(node)
    assert shown.GetName() == "T2w hippocampus uncertainty"
    assert foregrounds() == {(shown.GetID(), uncertainty.OPACITY)}
    np.testing.assert_allclose(slicer.util.arrayFromVolume(shown).T, VALUES.astype(np.float32))
    matrix = vtk.vtkMatrix4x4()
    shown.GetIJKToRASMatrix(matrix)
    corner = slicer.util.arrayFromVTKMatrix(matrix)[:3, 3]
    np.testing.assert_allclose(corner, (MATRIX @ np.array([*ORIGIN, 1.0]))[:3])


def test_what_is_sure_is_not_coloured(node):
    uncertainty.show(node)
    display = overlay(node).GetDisplayNode()
    assert display.GetApplyThreshold()
    assert display.GetLowerThreshold() == pytest.approx(uncertainty.SHOWN_FROM)
    assert display.GetColorNodeID() == uncertainty.COLOURS


def test_hidden_it_leaves_the_scene_as_it_was(volume, node):
    other = add_volume("other")
    slicer.util.setSliceViewerLayers(foreground=other, foregroundOpacity=0.3)
    before = set(scene_contents())
    uncertainty.show(node)
    assert set(scene_contents()) > before
    uncertainty.hide(node)
    assert set(scene_contents()) == before
    assert foregrounds() == {(other.GetID(), 0.3)}
    uncertainty.show(node)
    np.testing.assert_allclose(slicer.util.arrayFromVolume(overlay(node)).T, VALUES.astype(np.float32))


def test_it_follows_a_transformed_volume(volume, slicer_scene):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    node = segmented(volume)
    uncertainty.show(node)
    assert overlay(node).GetParentTransformNode() is transform


@pytest.mark.parametrize("loaded", [False, True])
def test_it_lies_on_the_outlines_after_their_transform_was_hardened(volume, tmp_path, loaded):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(transform, MOVE)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    node = segmented(volume)
    if loaded:
        uncertainty.show(node)
        assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(str(tmp_path / "scene.mrb"))
        node = slicer.util.getNode("T2w hippocampus")
    node.HardenTransform()
    uncertainty.hide(node)
    uncertainty.show(node)
    assert overlay(node).GetParentTransformNode() is None
    last = np.array(ORIGIN) + VALUES.shape - np.ones(3)
    np.testing.assert_allclose(value_at(overlay(node), last, MOVE @ MATRIX), VALUES[-1, -1, -1], atol=1e-3)


def test_a_new_result_in_place_shows_the_new_one(volume, node):
    uncertainty.show(node)
    segmented(volume, VALUES / 2, node)
    assert uncertainty.is_shown(node)
    np.testing.assert_allclose(slicer.util.arrayFromVolume(overlay(node)).T, (VALUES / 2).astype(np.float32))
    segmented(volume, None, node)
    assert not uncertainty.can_be_shown(node)
    assert len(slicer.util.getNodesByClass(uncertainty.VOLUME)) == 1


def test_of_a_removed_node_nothing_stays(node, slicer_scene):
    uncertainty.show(node)
    slicer.mrmlScene.RemoveNode(node)
    uncertainty.hide_others(None)
    assert [volume.GetName() for volume in slicer.util.getNodesByClass(uncertainty.VOLUME)] == ["T2w"]


def test_only_the_chosen_results_uncertainty_is_shown(volume, node):
    second = segmented(volume, VALUES / 2)
    uncertainty.show(node)
    uncertainty.show(second)
    uncertainty.hide_others(second)
    assert not uncertainty.is_shown(node)
    assert uncertainty.is_shown(second)
    assert foregrounds() == {(overlay(second).GetID(), uncertainty.OPACITY)}


def test_shown_and_saved_it_comes_back_and_can_be_hidden_and_shown(node, tmp_path):
    uncertainty.show(node)
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(path)
    again = slicer.util.getNode("T2w hippocampus")
    assert uncertainty.is_shown(again)
    assert uncertainty.can_be_shown(again)
    uncertainty.hide(again)
    assert [volume.GetName() for volume in slicer.util.getNodesByClass(uncertainty.VOLUME)] == ["T2w"]
    uncertainty.show(again)
    np.testing.assert_allclose(value_at(overlay(again), ORIGIN), 0, atol=1e-3)
    last = np.array(ORIGIN) + VALUES.shape - np.ones(3)
    np.testing.assert_allclose(value_at(overlay(again), last), VALUES[-1, -1, -1], atol=1e-3)


def test_hidden_and_saved_it_is_not_to_be_had_after_loading(node, tmp_path):
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(path)
    assert not uncertainty.can_be_shown(slicer.util.getNode("T2w hippocampus"))
