"""The scene is MRML's own."""

from __future__ import annotations

import numpy as np
import pytest

TERMINOLOGY = (
    "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure~SCT^5366008^Hippocampus"
    "~SCT^7771000^Left~Anatomic codes - DICOM master list~^^~^^"
)
OBLIQUE = np.array([[-0.78, 0.1, 0.2, 12.5], [0.12, -0.79, 0.1, -30.0], [0.1, 0.05, 1.48, 7.25], [0, 0, 0, 1.0]])


@pytest.fixture
def volume(slicer_scene):
    import slicer

    voxels = np.arange(20 * 24 * 28, dtype=np.int16).reshape(20, 24, 28)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=OBLIQUE, name="T2w")


@pytest.fixture
def segmentation(volume):
    import slicer

    labels = np.zeros((20, 24, 28), np.uint8)
    labels[6:12, 8:14, 4:9] = 1
    labels[6:12, 8:14, 18:24] = 2
    nodes = slicer.util.addVolumeFromArray(labels, ijkToRAS=OBLIQUE, nodeClassName="vtkMRMLLabelMapVolumeNode")
    made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Hippocampus")
    made.CreateDefaultDisplayNodes()
    made.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    assert slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(nodes, made)
    slicer.mrmlScene.RemoveNode(nodes)
    segment = made.GetSegmentation().GetNthSegment(0)
    segment.SetName("Left hippocampus")
    segment.SetColor(0.9, 0.5, 0.2)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), TERMINOLOGY)
    return made


def test_one_scene_in_a_process(slicer_scene):
    import rig
    import slicer

    assert rig.boot() is slicer_scene
    assert slicer.app.mrmlScene() is slicer.mrmlScene
    assert slicer.mrmlScene.IsA("vtkMRMLScene")


def test_clear_leaves_no_data(slicer_scene, volume):
    import slicer

    assert slicer.util.getNode("T2w") is volume
    slicer_scene.clear()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 0
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSliceNode") == 3


def test_terminology_logic_knows_the_hippocampus(slicer_scene):
    import slicer

    entry = slicer.vtkSlicerTerminologyEntry()
    assert slicer.modules.terminologies.logic().DeserializeTerminologyEntry(TERMINOLOGY, entry)
    assert entry.GetTypeObject().GetCodeMeaning() == "Hippocampus"
    assert entry.GetTypeModifierObject().GetCodeMeaning() == "Left"


def test_mrb_round_trip_with_terminology(segmentation, tmp_path):
    import slicer
    import vtk

    before = slicer.util.arrayFromSegmentBinaryLabelmap(
        segmentation, segmentation.GetSegmentation().GetNthSegmentID(1), slicer.util.getNode("T2w")
    )
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(path))

    loaded, volume = slicer.util.getNode("Hippocampus"), slicer.util.getNode("T2w")
    segment = loaded.GetSegmentation().GetNthSegment(0)
    tag = vtk.reference("")
    assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
    assert str(tag) == TERMINOLOGY
    assert segment.GetName() == "Left hippocampus"
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    after = slicer.util.arrayFromSegmentBinaryLabelmap(loaded, loaded.GetSegmentation().GetNthSegmentID(1), volume)
    assert after.sum() == before.sum() == 6 * 6 * 6
    if np.linalg.det(OBLIQUE[:3, :3]) > 0:
        assert np.allclose(slicer.util.arrayFromVTKMatrix(matrix), OBLIQUE)


def test_save_and_load_files(volume, segmentation, tmp_path):
    import slicer

    assert slicer.util.saveNode(volume, str(tmp_path / "v.nii.gz"))
    assert slicer.util.saveNode(segmentation, str(tmp_path / "s.seg.nrrd"))
    again = slicer.util.loadVolume(str(tmp_path / "v.nii.gz"))
    assert slicer.util.arrayFromVolume(again).sum() == slicer.util.arrayFromVolume(volume).sum()
    loaded = slicer.util.loadSegmentation(str(tmp_path / "s.seg.nrrd"))
    assert loaded.GetSegmentation().GetNthSegment(0).GetName() == "Left hippocampus"
    labels = slicer.util.loadLabelVolume(str(tmp_path / "v.nii.gz"))
    assert labels.IsA("vtkMRMLLabelMapVolumeNode")


def test_loading_what_is_not_there_fails(slicer_scene, tmp_path):
    import slicer

    with pytest.raises(RuntimeError):
        slicer.util.loadVolume(str(tmp_path / "none.nii.gz"))


def test_subject_hierarchy_follows_the_nodes(volume):
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(volume)
    assert item
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Baby")
    hierarchy.SetItemParent(item, patient)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(volume)) == patient
    slicer.mrmlScene.RemoveNode(volume)
    assert not hierarchy.GetItemByName("T2w")


def test_transform_is_composed(volume):
    import slicer
    import vtk

    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    moved = np.eye(4)
    moved[:3, 3] = 5, 6, 7
    slicer.util.updateTransformMatrixFromArray(transform, moved)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    world = vtk.vtkMatrix4x4()
    assert volume.GetParentTransformNode().GetMatrixTransformToWorld(world)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(world), moved)


def test_slice_layers(volume):
    import slicer

    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    manager = slicer.app.layoutManager()
    assert manager.sliceViewNames() == ("Red", "Yellow", "Green")
    composite = manager.sliceWidget("Red").mrmlSliceCompositeNode()
    assert composite.GetBackgroundVolumeID() == volume.GetID()
    slicer.util.resetSliceViews()
    assert manager.sliceWidget("Green").fits == 1
