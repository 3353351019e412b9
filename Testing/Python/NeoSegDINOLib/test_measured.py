"""Segments of a real scene, edited by Slicer's own means and measured again."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from module_samples.classes import CLASSES, LEFT, RIGHT
from module_samples.segment_points import mask_of
from module_samples.volumes import MATRIX, add_volume
from neosegdino.measure import asymmetry
from NeoSegDINOLib.label_boxes import label_boxes
from NeoSegDINOLib.measured import current_report, measure_segment, own_change
from NeoSegDINOLib.segmentation import segment_id, show_segmentation

VOXEL = 0.8 * 0.9 * 1.1
SHAPE = (50, 40, 24)


@pytest.fixture
def volume(slicer_scene):
    return add_volume()


@pytest.fixture
def labels():
    made = np.zeros(SHAPE, np.uint8)
    made[30:40, 10:18, 5:15] = LEFT.label
    made[5:15, 10:18, 5:15] = RIGHT.label
    return made


@pytest.fixture
def node(volume, labels):
    return show_segmentation(volume, label_boxes(labels, CLASSES), report_on(labels))


def report_on(labels):
    rows = [
        {
            "label": part.label,
            "side": part.side,
            "name": part.name,
            "volume_mm3": round(float((labels == part.label).sum()) * VOXEL, 2),
            "volume_ml": round(float((labels == part.label).sum()) * VOXEL / 1000, 4),
            "centroid_ras": [0.0, 0.0, 0.0],
            "confidence": 0.9,
            "components_removed": 5,
        }
        for part in CLASSES
    ]
    flags = [
        {"code": "components-removed", "message": "5 separate pieces were removed from the left hippocampus."},
        {"code": "input", "message": "The header is odd."},
    ]
    made = {"schema": "neosegdino-report/1", "hippocampus": rows, "asymmetry": 0.0, "flags": flags}
    return made | {"edited": False, "warnings": [flag["message"] for flag in flags]}


def edit(node, volume, part, change):
    """Change a segment as the Segment Editor does: through its labelmap."""
    mask = np.ascontiguousarray(change(mask_of(node, part, volume).copy()).T.astype(np.uint8))
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment_id(part), volume)


def erase_half(mask):
    mask[:, 14:] = False
    return mask


def test_a_segment_is_measured_where_it_is(node, labels):
    volume, *place = measure_segment(node, segment_id(LEFT))
    assert volume == pytest.approx((labels == LEFT.label).sum() * VOXEL)
    middle = np.argwhere(labels == LEFT.label).mean(axis=0)
    np.testing.assert_allclose(place, (MATRIX @ np.array([*middle, 1.0]))[:3])


def test_what_the_run_left_is_not_edited(node):
    report = current_report(node)
    assert report["edited"] is False
    assert [row["confidence"] for row in report["hippocampus"]] == [0.9, 0.9]
    assert report["date"] is None


def test_an_edited_side_is_measured_again(node, volume, labels):
    edit(node, volume, LEFT, erase_half)
    report = current_report(node)
    left, right = report["hippocampus"]
    assert left["volume_mm3"] == pytest.approx(400 * VOXEL, abs=0.01)
    assert right["volume_mm3"] == pytest.approx(800 * VOXEL, abs=0.01)
    assert report["asymmetry"] == pytest.approx(asymmetry(400, 800), abs=1e-4)
    assert report["edited"] is True
    assert left["confidence"] is None
    codes = [flag["code"] for flag in report["flags"]]
    assert codes == ["edited", "input", "asymmetry-range"]
    assert "measured again" in report["warnings"][0]


def test_a_moved_outline_of_the_same_size_is_edited(node, volume):
    edit(node, volume, RIGHT, lambda mask: np.roll(mask, 2, axis=1))
    assert current_report(node)["edited"]


def test_a_segment_that_was_deleted_is_not_found(node):
    node.GetSegmentation().RemoveSegment(segment_id(RIGHT))
    report = current_report(node)
    assert report["hippocampus"][1]["volume_mm3"] == 0
    assert "not-found" in [flag["code"] for flag in report["flags"]]


def test_an_empty_side_is_no_edit(volume, labels):
    labels[labels == RIGHT.label] = 0
    node = show_segmentation(volume, label_boxes(labels, CLASSES), report_on(labels))
    assert current_report(node)["edited"] is False
    assert measure_segment(node, segment_id(RIGHT)) == [0.0]


def test_other_segments_do_not_count(node, volume):
    node.GetSegmentation().AddEmptySegment("ventricle", "Ventricle")
    voxels = np.ones(SHAPE[::-1], np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, "ventricle", volume)
    assert current_report(node)["edited"] is False


def test_outlines_that_were_made_surfaces_are_measured_too(node):
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.GetSegmentation().RemoveRepresentation("Binary labelmap")
    report = current_report(node)
    assert report["edited"]
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")
    for row in report["hippocampus"]:
        assert row["volume_mm3"] == pytest.approx(800 * VOXEL, rel=0.15)


def test_a_transform_is_no_edit(node, volume):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    move = np.eye(4)
    move[:3, 3] = [5, 6, 7]
    slicer.util.updateTransformMatrixFromArray(transform, move)
    node.SetAndObserveTransformNodeID(transform.GetID())
    assert current_report(node)["edited"] is False


STRETCH = np.array([[0.9, 0.3, 0, 30], [-0.3, 1.1, 0, -4], [0, 0, 1.2, 7], [0, 0, 0, 1]])


def transformed(*nodes):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(transform, STRETCH)
    for node in nodes:
        node.SetAndObserveTransformNodeID(transform.GetID())


def in_world(labels):
    """What a worker reports of a volume under the transform: volumes are the world's."""
    report = report_on(labels)
    for row in report["hippocampus"]:
        row["volume_mm3"] = round(row["volume_mm3"] * np.linalg.det(STRETCH), 2)
    return report


def test_volumes_stay_those_of_the_world_after_an_edit_under_a_transform_that_stretches(volume, labels):
    transformed(volume)
    node = show_segmentation(volume, label_boxes(labels, CLASSES), in_world(labels))
    assert current_report(node)["edited"] is False
    edit(node, volume, LEFT, erase_half)
    left, right = current_report(node)["hippocampus"]
    assert left["volume_mm3"] == pytest.approx(400 * VOXEL * np.linalg.det(STRETCH), abs=0.02)
    assert right["volume_mm3"] == pytest.approx(800 * VOXEL * np.linalg.det(STRETCH), abs=0.02)


@pytest.mark.parametrize("before_the_run", [True, False])
def test_a_hardened_transform_is_no_edit_and_an_edit_after_it_is_one(volume, labels, before_the_run):
    if before_the_run:
        transformed(volume)
    report = in_world(labels) if before_the_run else report_on(labels)
    node = show_segmentation(volume, label_boxes(labels, CLASSES), report)
    if not before_the_run:
        transformed(volume, node)
    for each in (volume, node):
        each.HardenTransform()
    np.testing.assert_allclose(own_change(node), STRETCH, atol=1e-9)
    assert current_report(node)["edited"] is False
    edit(node, volume, LEFT, erase_half)
    left, right = current_report(node)["hippocampus"]
    assert left["volume_mm3"] == pytest.approx(report["hippocampus"][0]["volume_mm3"] / 2, abs=0.02)
    assert right["volume_mm3"] == pytest.approx(report["hippocampus"][1]["volume_mm3"], abs=0.02)


@pytest.mark.parametrize("edited", [False, True])
def test_saved_and_loaded_it_is_as_it_was(node, volume, tmp_path, edited):
    if edited:
        edit(node, volume, LEFT, erase_half)
    before = current_report(node)
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(path)
    assert current_report(slicer.util.getNode("T2w hippocampus")) == before
    assert before["edited"] is edited


def test_a_node_without_a_report_has_none(slicer_scene):
    assert current_report(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")) is None
