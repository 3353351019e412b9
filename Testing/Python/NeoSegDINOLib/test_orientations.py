"""The same physical hippocampi come back into the scene, whatever the order of axes, obliquity or transform."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import slicer
from module_samples.classes import CLASSES, LEFT, RIGHT
from module_samples.segment_points import in_order, segment_points
from NeoSegDINOLib.label_boxes import label_boxes
from NeoSegDINOLib.nodes import image_of
from NeoSegDINOLib.segmentation import segment_id, show_segmentation

ORIENTATIONS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]
SPACING = np.array([0.7, 0.9, 1.6])
SHAPE = np.array([36, 30, 20])
BOXES = {LEFT: (-9, -4), RIGHT: (4, 9)}


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    made = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        first, second = (index for index in range(3) if index != axis)
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        made = made @ turn
    return made


def matrix_of(order, signs, degrees) -> np.ndarray:
    """Voxel index to RAS for one of the 48 axis orientations, turned, with the volume's middle at (3, -2, 5)."""
    made = np.eye(4)
    columns = np.zeros((3, 3))
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        columns[world, axis] = sign
    made[:3, :3] = rotation(degrees) @ columns * SPACING
    made[:3, 3] = np.array([3, -2, 5]) - made[:3, :3] @ ((SHAPE - 1) / 2)
    return made


def label(image) -> np.ndarray:
    """Label by world position alone, as a model that knows its sides would."""
    grid = np.moveaxis(np.indices(image.data.shape), 0, -1)
    world = grid @ image.ijk_to_world[:3, :3].T + image.ijk_to_world[:3, 3]
    middle = (np.array(image.data.shape) - 1) / 2 @ image.ijk_to_world[:3, :3].T + image.ijk_to_world[:3, 3]
    near = world - middle
    labels = np.zeros(image.data.shape, np.uint8)
    for part, (low, high) in BOXES.items():
        inside = (near[..., 0] > low) & (near[..., 0] < high) & (np.abs(near[..., 1:]) < 4).all(axis=-1)
        labels[inside] = part.label
    return labels


def segment(matrix, transform=None):
    voxels = np.zeros(SHAPE[::-1], np.uint8)
    volume = slicer.util.addVolumeFromArray(voxels, ijkToRAS=matrix, name="T2w")
    if transform is not None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        slicer.util.updateTransformMatrixFromArray(node, transform)
        volume.SetAndObserveTransformNodeID(node.GetID())
    image = image_of(volume)
    labels = label(image)
    boxes = label_boxes(labels, CLASSES)
    return volume, image, labels, show_segmentation(volume, boxes, {"schema": "neosegdino-report/1"})


def check(image, labels, node):
    for part in CLASSES:
        expected = np.argwhere(labels == part.label) @ image.ijk_to_world[:3, :3].T + image.ijk_to_world[:3, 3]
        assert len(expected) > 50
        np.testing.assert_allclose(segment_points(node, segment_id(part)), in_order(expected), atol=1e-4)
    left, right = (segment_points(node, segment_id(part)).mean(axis=0) for part in CLASSES)
    assert left[0] < right[0] - 5


@pytest.mark.parametrize("degrees", [(0, 0, 0), (11, -17, 23)], ids=["straight", "oblique"])
@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_same_places_in_every_orientation(slicer_scene, order, signs, degrees):
    _volume, image, labels, node = segment(matrix_of(order, signs, degrees))
    check(image, labels, node)


TRANSFORMS = {
    "turned and moved": np.block([[rotation((20, 5, -40)), np.array([[8], [-3], [12]])], [np.zeros((1, 3)), 1]]),
    "half a turn": np.diag([-1.0, -1, 1, 1]),
    "mirrored": np.diag([-1.0, 1, 1, 1]),
    "scaled and sheared": np.array([[1.2, 0.1, 0, 4], [0, 0.9, 0.2, 0], [0, 0, 1.1, -6], [0, 0, 0, 1]], float),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS[::7])
def test_same_places_in_the_world_under_a_transform(slicer_scene, order, signs, name):
    volume, image, labels, node = segment(matrix_of(order, signs, (7, 0, -9)), TRANSFORMS[name])
    assert node.GetParentTransformNode() is volume.GetParentTransformNode()
    check(image, labels, node)
