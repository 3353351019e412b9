from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from neosegdino.errors import VolumeError
from NeoSegDINOLib import nodes

MATRIX = np.array([[0, -0.8, 0.1, 10], [0.9, 0, 0, -20], [0, 0.1, 1.5, 30], [0, 0, 0, 1]], float)


def volume(shape=(4, 5, 6), dtype=np.int16, name="T2w"):
    voxels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=MATRIX, name=name)


def test_voxels_come_in_index_order_with_their_matrix(slicer_scene):
    image = nodes.image_of(volume())
    assert image.data.shape == (6, 5, 4)
    assert image.data.dtype == np.int16
    assert image.data[1, 2, 3] == slicer.util.arrayFromVolume(slicer.util.getNode("T2w"))[3, 2, 1]
    np.testing.assert_allclose(image.ijk_to_world, MATRIX)
    assert image.name == "T2w"


def test_voxels_are_a_copy(slicer_scene):
    node = volume()
    image = nodes.image_of(node)
    slicer.util.arrayFromVolume(node)[:] = 0
    assert image.data.any()


def test_image_becomes_a_volume_of_the_package(slicer_scene):
    converted = nodes.image_of(volume()).to_volume()
    assert converted.shape == (6, 5, 4)
    assert converted.source == "T2w"
    np.testing.assert_allclose(converted.affine, MATRIX)


def test_linear_transforms_above_count(slicer_scene):
    node = volume()
    lower = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "lower")
    upper = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "upper")
    turn = np.diag([1.0, 2, 3, 1])
    move = np.eye(4)
    move[:3, 3] = [5, 6, 7]
    slicer.util.updateTransformMatrixFromArray(lower, turn)
    slicer.util.updateTransformMatrixFromArray(upper, move)
    lower.SetAndObserveTransformNodeID(upper.GetID())
    node.SetAndObserveTransformNodeID(lower.GetID())
    np.testing.assert_allclose(nodes.image_of(node).ijk_to_world, move @ turn @ MATRIX)


def warped(node):
    grid = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "warp")
    node.SetAndObserveTransformNodeID(grid.GetID())
    return node


def without_image(_node):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")


def coloured(node):
    image = vtk.vtkImageData()
    image.SetDimensions(4, 4, 4)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    node.SetAndObserveImageData(image)
    return node


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda _node: None, "No input volume"),
        (without_image, "'empty' holds no image"),
        (coloured, "colour"),
        (lambda _node: volume((1, 5, 6), name="slice"), "'slice' is a single slice"),
        (warped, "non-linear transform 'warp'"),
    ],
)
def test_unsuitable_nodes_are_refused_with_a_remedy(slicer_scene, spoil, message):
    node = spoil(volume())
    what, remedy = nodes.why_not(node)
    assert message in what
    assert remedy.endswith(".")
    with pytest.raises(VolumeError, match=message.split("'")[-1].strip() or message):
        nodes.image_of(node)


def test_a_plain_volume_is_suitable(slicer_scene):
    assert nodes.why_not(volume()) is None
