from __future__ import annotations

import numpy as np
import pytest
import slicer
from module_samples.classes import CLASSES, LEFT, RIGHT
from module_samples.volumes import MATRIX, add_volume
from NeoSegDINOLib.label_boxes import label_boxes
from NeoSegDINOLib.result_views import middle_of, show_result, volume_of
from NeoSegDINOLib.segmentation import show_segmentation

REPORT = {"schema": "neosegdino-report/1", "hippocampus": [{"name": part.name} for part in CLASSES]}
MIDDLE = (MATRIX @ np.array([19.5, 14.5, 7.5, 1.0]))[:3]


@pytest.fixture
def node(slicer_scene):
    return result()


def result(empty=False):
    labels = np.zeros((50, 40, 24), np.uint8)
    if not empty:
        labels[30:40, 10:20, 5:11] = LEFT.label
        labels[0:10, 10:20, 5:11] = RIGHT.label
    return show_segmentation(add_volume(), label_boxes(labels, CLASSES), REPORT)


def test_all_views_are_centred_on_the_hippocampi(node):
    resets = slicer.app.layoutManager().threeDWidget(0).resets
    show_result(node)
    np.testing.assert_allclose(middle_of(node), MIDDLE, atol=1e-6)
    for slice_node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        matrix = slicer.util.arrayFromVTKMatrix(slice_node.GetSliceToRAS())
        np.testing.assert_allclose(matrix[:3, 3], MIDDLE, atol=1e-4)
    for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        assert view.GetBackgroundVolumeID() == volume_of(node).GetID()
    assert slicer.app.layoutManager().threeDWidget(0).resets > resets


def test_the_middle_is_where_a_transform_puts_it(node):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    move = np.eye(4)
    move[:3, 3] = [5, 6, 7]
    slicer.util.updateTransformMatrixFromArray(transform, move)
    node.SetAndObserveTransformNodeID(transform.GetID())
    np.testing.assert_allclose(middle_of(node), MIDDLE + np.array([5, 6, 7]), atol=1e-6)


def test_a_hidden_result_is_shown_again(node):
    node.GetDisplayNode().SetVisibility(False)
    node.RemoveClosedSurfaceRepresentation()
    show_result(node)
    assert node.GetDisplayNode().GetVisibility()
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")


def test_an_empty_result_leaves_the_slices_where_they_are(slicer_scene):
    node = result(empty=True)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 1.0, 2.0, 3.0)
    show_result(node)
    assert middle_of(node) is None
    assert slicer.util.getNode("vtkMRMLSliceNodeRed").GetSliceOffset() == 3.0
