from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from module_samples.classes import CLASSES, LEFT, RIGHT
from module_samples.segment_points import mask_of, segment_points
from neosegdino.errors import OutputError
from NeoSegDINOLib.label_boxes import label_boxes
from NeoSegDINOLib.results import report_of
from NeoSegDINOLib.segmentation import holds_result, is_result_of, result_of, segment_id
from NeoSegDINOLib.segmentation import show_segmentation as show

REPORT = {"schema": "neosegdino-report/1", "note": 'a "quote"; a colon: and \u00fc'}
MATRIX = np.array([[-0.8, 0, 0, 30], [0, 0.8, 0, -40], [0, 0, 1.2, -10], [0, 0, 0, 1]], float)
SHAPE = (40, 50, 30)


@pytest.fixture
def volume(slicer_scene):
    voxels = np.zeros(SHAPE[::-1], np.int16)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=MATRIX, name="T2w")


@pytest.fixture
def labels():
    made = np.zeros(SHAPE, np.uint8)
    made[25:32, 20:30, 10:14] = LEFT.label
    made[8:15, 20:30, 10:14] = RIGHT.label
    return made


def show_segmentation(volume, labels, classes, report, node=None):
    return show(volume, label_boxes(labels, classes), report, node)


def terminology_of(segment):
    value = vtk.reference("")
    assert segment.GetTag(segment.GetTerminologyEntryTagName(), value)
    return str(value)


def other_node(volume, inside=np.s_[5:9, 5:9, 5:9], transform=None):
    """A user's own segmentation with one segment."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("ventricle", "Ventricle")
    voxels = np.zeros(SHAPE[::-1], np.uint8)
    voxels[inside] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, "ventricle", volume)
    if transform is not None:
        node.SetAndObserveTransformNodeID(transform.GetID())
    return node


def test_two_named_coloured_coded_segments(volume, labels):
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    segmentation = node.GetSegmentation()
    assert list(segmentation.GetSegmentIDs()) == ["Left_hippocampus", "Right_hippocampus"]
    for part in CLASSES:
        segment = segmentation.GetSegment(segment_id(part))
        assert segment.GetName() == part.name
        np.testing.assert_allclose(segment.GetColor(), part.color)
        assert part.terminology.modifier.value in terminology_of(segment)
        assert np.array_equal(mask_of(node, part, volume), labels == part.label)
    assert segmentation.GetNumberOfLayers() == 1


def test_report_travels_with_the_node(volume, labels):
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    assert holds_result(node)
    assert report_of(node) == REPORT


def test_shown_in_slices_and_3d(volume, labels):
    display = show_segmentation(volume, labels, CLASSES, REPORT).GetDisplayNode()
    assert display.GetVisibility()
    assert display.GetVisibility2D()
    assert display.GetVisibility3D()
    assert display.GetDisplayRepresentationName3D() == "Closed surface"


def test_surfaces_lie_where_the_voxels_are(volume, labels):
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    for part in CLASSES:
        surface = vtk.vtkPolyData()
        node.GetClosedSurfaceRepresentation(segment_id(part), surface)
        expected = (np.argwhere(labels == part.label) @ MATRIX[:3, :3].T + MATRIX[:3, 3]).mean(axis=0)
        np.testing.assert_allclose(surface.GetCenter(), expected, atol=0.5)


def test_reference_geometry_is_the_inputs(volume, labels):
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    role = node.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReference(role) is volume


def test_beside_the_volume_in_the_subject_hierarchy(volume, labels):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Newborn")
    study = hierarchy.CreateStudyItem(patient, "MRI")
    item = hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(study, volume)
    hierarchy.SetItemParent(item, study)
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def test_names_of_new_nodes_are_unique(volume, labels):
    names = {show_segmentation(volume, labels, CLASSES, REPORT).GetName() for _ in range(3)}
    assert len(names) == 3
    assert "T2w hippocampus" in names


def test_one_side_may_be_empty(volume, labels):
    labels[labels == RIGHT.label] = 0
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    assert np.array_equal(mask_of(node, LEFT, volume), labels == LEFT.label)
    assert not mask_of(node, RIGHT, volume).any()


def test_a_chosen_node_is_filled_in_place(volume, labels):
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    before = slicer.mrmlScene.GetNumberOfNodes()
    moved = np.roll(labels, 5, axis=1)
    assert show_segmentation(volume, moved, CLASSES, {"schema": "neosegdino-report/1"}, node) is node
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    for part in CLASSES:
        assert np.array_equal(mask_of(node, part, volume), moved == part.label)
    assert report_of(node) == {"schema": "neosegdino-report/1"}


def test_other_segments_of_a_chosen_node_stay(volume, labels):
    node = other_node(volume, inside=np.s_[9:15, 18:25, 5:28])  # overlaps both hippocampi
    before = slicer.util.arrayFromSegmentBinaryLabelmap(node, "ventricle", volume)
    show_segmentation(volume, labels, CLASSES, REPORT, node)
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, "ventricle", volume), before)
    for part in CLASSES:
        assert np.array_equal(mask_of(node, part, volume), labels == part.label)


def test_other_segments_of_a_chosen_node_are_not_moved(volume, labels):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = [3, 4, 5]
    slicer.util.updateTransformMatrixFromArray(transform, matrix)
    node = other_node(volume, transform=transform)
    before = segment_points(node, "ventricle")
    show_segmentation(volume, labels, CLASSES, REPORT, node)
    np.testing.assert_allclose(segment_points(node, "ventricle"), before)
    expected = np.argwhere(labels == LEFT.label) @ MATRIX[:3, :3].T + MATRIX[:3, 3]
    found = segment_points(node, segment_id(LEFT))
    np.testing.assert_allclose(found.mean(axis=0), expected.mean(axis=0), atol=1e-6)
    assert len(found) == len(expected)


def test_a_node_of_surfaces_is_refused_and_left_alone(volume, labels):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "surfaces")
    node.SetSourceRepresentationToClosedSurface()
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    node.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), "ball", [1, 0, 0], "ball")
    with pytest.raises(OutputError, match="'surfaces' is made of surfaces"):
        show_segmentation(volume, labels, CLASSES, REPORT, node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["ball"]


def test_a_result_that_cannot_be_put_in_leaves_no_node(volume):
    before = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(TypeError):
        show_segmentation(volume, np.zeros(SHAPE, np.uint8), CLASSES, {"not json": object()})
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_saved_and_reloaded_with_the_scene(volume, labels, tmp_path):
    show_segmentation(volume, labels, CLASSES, REPORT)
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(path))
    node, again = slicer.util.getNode("T2w hippocampus"), slicer.util.getNode("T2w")
    assert report_of(node) == REPORT
    for part in CLASSES:
        segment = node.GetSegmentation().GetSegment(segment_id(part))
        assert part.terminology.modifier.value in terminology_of(segment)
        assert mask_of(node, part, again).sum() == (labels == part.label).sum()


@pytest.fixture
def undo(slicer_scene):
    """Slicer's undo, which an application has to switch on, for segmentations."""
    default = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentationNode")
    default.UnRegister(None)
    default.UndoEnabledOn()
    slicer.mrmlScene.AddDefaultNode(default)
    slicer.mrmlScene.SetUndoOn()
    yield slicer.mrmlScene.Undo
    default.UndoEnabledOff()
    slicer.mrmlScene.SetUndoOff()
    slicer.mrmlScene.ClearUndoStack()


def test_slicers_undo_takes_a_new_result_back(undo, volume, labels):
    show_segmentation(volume, labels, CLASSES, REPORT)
    undo()
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_slicers_undo_brings_a_replaced_result_back(undo, volume, labels):
    node = show_segmentation(volume, labels, CLASSES, REPORT)
    moved = np.roll(labels, 3, axis=1)
    show_segmentation(volume, moved, CLASSES, REPORT | {"note": "second"}, node)
    undo()
    (back,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert report_of(back) == REPORT
    for part in CLASSES:
        np.testing.assert_array_equal(mask_of(back, part, volume), labels == part.label)


def test_the_result_of_a_volume_is_found_again(volume, labels):
    other_node(volume)
    assert result_of(volume) is None
    first = show_segmentation(volume, labels, CLASSES, REPORT)
    second = show_segmentation(volume, labels, CLASSES, REPORT)
    assert result_of(volume) is second
    assert is_result_of(first, volume)
    another = slicer.util.addVolumeFromArray(np.zeros(SHAPE[::-1], np.int16))
    assert result_of(another) is None
    assert not is_result_of(None, volume)
