"""Pairs of the scene as files: the right voxels, on the right side, in the right place of the world."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import slicer
from module_samples.volumes import scene_contents
from neosegdino.cases.loading import load_case
from neosegdino.errors import CaseError, NeoSegDINOError
from NeoSegDINOLib.case_export import NodePair, images_of, pair_of, subject_of, write_cases

LEFT_AT, RIGHT_AT = np.array([-14.0, 3, 6]), np.array([16.0, 3, 6])
"""World RAS of the balls that stand for the two hippocampi."""
RADIUS = 7.0


def oblique(spacing=(1.4, 1.6, 2.0), turn=0.25, flip=-1) -> np.ndarray:
    """Voxel index to RAS of an oblique, anisotropic grid of 40 x 36 x 30 voxels; a flip makes it left-handed."""
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation @ np.diag(np.array(spacing) * [flip, 1, 1])
    matrix[:3, 3] = -matrix[:3, :3] @ np.array([20, 18, 15])
    return matrix


def balls(shape, to_world) -> np.ndarray:
    """Labels ``(i, j, k)``: 1 around the left place, 2 around the right one."""
    world = nib.affines.apply_affine(to_world, np.moveaxis(np.indices(shape), 0, -1))
    labels = np.zeros(shape, np.uint8)
    for value, place in ((1, LEFT_AT), (2, RIGHT_AT)):
        labels[np.linalg.norm(world - place, axis=-1) < RADIUS] = value
    return labels


def transform(turn=0.2, move=(9, -4, 6.4)):
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:3, 3] = move
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turn")
    slicer.util.updateTransformMatrixFromArray(node, matrix)
    return node, matrix


def under(node, parent) -> None:
    node.SetAndObserveTransformNodeID(parent.GetID())


def add_volume(matrix, name="T2w"):
    voxels = np.random.default_rng(0).integers(0, 900, (30, 36, 40)).astype(np.int16)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=matrix, name=name)


def add_labelmap(matrix, above=None, shape=(40, 36, 30)):
    """Labelmap whose balls are at the world's places when the node is under a transform of the given matrix."""
    labels = balls(shape, (np.eye(4) if above is None else above) @ matrix)
    node = slicer.util.addVolumeFromArray(
        np.ascontiguousarray(labels.T), ijkToRAS=matrix, name="truth", nodeClassName="vtkMRMLLabelMapVolumeNode"
    )
    node.CreateDefaultDisplayNodes()
    return node


def add_segmentation(matrix, above=None):
    labelmap = add_labelmap(matrix, above)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "truth")
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labelmap, node)
    slicer.mrmlScene.RemoveNode(labelmap)
    for index, name in enumerate(("Hippocampus left", "Hippocampus right")):
        node.GetSegmentation().GetNthSegment(index).SetName(name)
    return node


def exported(pair, folder):
    (case,) = write_cases(folder, [images_of(pair)], set())
    return load_case(case)


def check_places(loaded, tolerance=0.6):
    """Both balls are where they are in the world, as large as they are, each on its side."""
    for value, place in ((1, LEFT_AT), (2, RIGHT_AT)):
        points = nib.affines.apply_affine(loaded.volume.affine, np.argwhere(loaded.labels == value))
        np.testing.assert_allclose(points.mean(axis=0), place, atol=tolerance)
        volume = len(points) * abs(np.linalg.det(loaded.volume.affine[:3, :3]))
        assert volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.05)


@pytest.mark.parametrize("flip", [-1, 1])
def test_a_segmentation_on_the_volumes_own_oblique_grid(slicer_scene, tmp_path, flip):
    matrix = oblique(flip=flip)
    check_places(exported(pair_of(add_volume(matrix), add_segmentation(matrix)), tmp_path))


def test_a_segmentation_on_another_grid(slicer_scene, tmp_path):
    pair = pair_of(add_volume(oblique()), add_segmentation(oblique((1.5, 1.5, 1.5), -0.1, 1)))
    check_places(exported(pair, tmp_path))


def test_a_segmentation_under_a_transform(slicer_scene, tmp_path):
    node, matrix = transform()
    segmentation = add_segmentation(oblique(turn=0.1), above=matrix)
    under(segmentation, node)
    check_places(exported(pair_of(add_volume(oblique()), segmentation), tmp_path))


def test_a_volume_under_a_transform(slicer_scene, tmp_path):
    node, _matrix = transform()
    volume = add_volume(oblique())
    under(volume, node)
    check_places(exported(pair_of(volume, add_segmentation(oblique((1.5, 1.5, 1.5)))), tmp_path))


def test_both_under_one_transform(slicer_scene, tmp_path):
    node, matrix = transform()
    volume, segmentation = add_volume(oblique()), add_segmentation(oblique(), above=matrix)
    under(volume, node)
    under(segmentation, node)
    check_places(exported(pair_of(volume, segmentation), tmp_path))


def test_both_under_transforms_of_their_own(slicer_scene, tmp_path):
    node, matrix = transform()
    other, _ = transform(-0.15, (-3, 2, 0.4))
    volume, segmentation = add_volume(oblique()), add_segmentation(oblique(), above=matrix)
    under(volume, other)
    under(segmentation, node)
    check_places(exported(pair_of(volume, segmentation), tmp_path))


def test_a_labelmap_under_the_volumes_transform(slicer_scene, tmp_path):
    node, matrix = transform()
    volume, labelmap = add_volume(oblique()), add_labelmap(oblique(), above=matrix)
    under(volume, node)
    under(labelmap, node)
    check_places(exported(NodePair(volume, labelmap, "1", "2", "s"), tmp_path))


def test_a_labelmap_on_another_grid_is_told_with_the_case(slicer_scene, tmp_path):
    pair = NodePair(add_volume(oblique()), add_labelmap(oblique((1.5, 1.5, 1.5))), "1", "2", "s")
    with pytest.raises(CaseError, match="beside the image"):
        exported(pair, tmp_path)


def test_the_users_choice_of_sides_counts(slicer_scene, tmp_path):
    matrix = oblique()
    pair = pair_of(
        add_volume(matrix), add_segmentation(matrix), {"left": "Hippocampus right", "right": "Hippocampus left"}
    )
    loaded = exported(pair, tmp_path)
    points = nib.affines.apply_affine(loaded.volume.affine, np.argwhere(loaded.labels == 1))
    np.testing.assert_allclose(points.mean(axis=0), RIGHT_AT, atol=0.6)


def test_the_scene_stays_as_it_is(slicer_scene, tmp_path):
    matrix = oblique()
    pair = pair_of(add_volume(matrix), add_segmentation(matrix))
    before = without_hierarchy(scene_contents())
    images_of(pair)
    assert without_hierarchy(scene_contents()) == before


def without_hierarchy(contents):
    """The subject hierarchy takes note of every node that comes and goes."""
    return {node: seen for node, seen in contents.items() if "SubjectHierarchy" not in node}


def bend(volume, _segmentation):
    under(volume, slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode"))


def bend_segmentation(_volume, segmentation):
    under(segmentation, slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode"))


@pytest.mark.parametrize("spoil", [bend, bend_segmentation])
def test_what_cannot_be_exported_changes_nothing(slicer_scene, spoil):
    matrix = oblique()
    volume, segmentation = add_volume(matrix), add_segmentation(matrix)
    spoil(volume, segmentation)
    before = scene_contents()
    with pytest.raises(NeoSegDINOError, match="transform"):
        images_of(pair_of(volume, segmentation))
    assert scene_contents() == before


def test_a_segment_that_is_gone(slicer_scene):
    matrix = oblique()
    pair = pair_of(add_volume(matrix), add_segmentation(matrix))
    pair.labels.GetSegmentation().RemoveSegment(pair.left)
    before = set(scene_contents())
    with pytest.raises(CaseError, match="has no segment"):
        images_of(pair)
    assert set(scene_contents()) == before


def test_sides_that_nobody_names(slicer_scene):
    matrix = oblique()
    segmentation = add_segmentation(matrix)
    for index in range(2):
        segmentation.GetSegmentation().GetNthSegment(index).SetName(f"Segment_{index}")
    with pytest.raises(CaseError, match="Segment_0, Segment_1"):
        pair_of(add_volume(matrix), segmentation)


def test_names_become_files_and_none_is_written_over(slicer_scene, tmp_path):
    matrix = oblique()
    pair = pair_of(add_volume(matrix, "S\u00e4ugling 1/T2"), add_segmentation(matrix))
    folder = tmp_path / "F\u00e4lle und mehr"
    first = write_cases(folder, [images_of(pair)] * 2, {"S_ugling_1_T2"})
    second = write_cases(folder, [images_of(pair)], set())
    assert [case.name for case in (*first, *second)] == ["S_ugling_1_T2-2", "S_ugling_1_T2-3", "S_ugling_1_T2"]
    assert len(list(folder.iterdir())) == 6
    assert first[0].subject == "S\u00e4ugling 1/T2"


def test_the_subject_is_the_patient_of_the_subject_hierarchy(slicer_scene):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    volume = add_volume(oblique())
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Baby 7")
    study = hierarchy.CreateStudyItem(patient, "first week")
    item = hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(study, volume)
    hierarchy.SetItemParent(item, study)
    assert subject_of(volume) == "Baby 7"
