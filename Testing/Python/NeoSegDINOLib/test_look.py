"""The look at a validation case: files of a run in the scene, in the right place."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import slicer
from module_samples.bundle import write_description
from module_samples.segment_points import segment_points
from neosegdino.training.run_folder import Plan, RunFolder
from neosegdino.training.settings import FinetuneSettings
from NeoSegDINOLib.look import Look, read_look, show_look

AFFINE = np.array([[-1.2, 0, 0, 12], [0, 1.5, 0, -20], [0, 0, 2, -8], [0, 0, 0, 1]])
SHAPE = (20, 22, 16)


@pytest.fixture
def run(tmp_path):
    """A run's folder with a plan and a look."""
    files = RunFolder(tmp_path / "run \u00fc")
    files.folder.mkdir()
    bundle = write_description(tmp_path, "base", "Base")
    files.write_plan(Plan(FinetuneSettings(), (), (), str(bundle), ""))
    save(files, left=[4, 5, 6])
    return files


def save(files, left=None, shape=SHAPE):
    labels = np.zeros(shape, np.uint8)
    if left is not None:
        labels[tuple(left)] = 1
    image = np.random.default_rng(0).normal(50, 9, SHAPE).astype(np.float32)
    nib.save(nib.Nifti1Image(image, AFFINE), files.look_image)
    nib.save(nib.Nifti1Image(labels, AFFINE), files.look_labels)


def shown(kind):
    return slicer.util.getFirstNodeByClassByName(kind, "Fine-tuning look")


def points():
    return segment_points(shown("vtkMRMLSegmentationNode"), "Left_hippocampus")


def test_a_look_is_where_its_files_say(slicer_scene, run):
    show_look("run", read_look(run))
    np.testing.assert_allclose(points(), [(AFFINE @ [4, 5, 6, 1])[:3]], atol=1e-6)
    volume = shown("vtkMRMLScalarVolumeNode")
    assert slicer.util.arrayFromVolume(volume).shape == SHAPE[::-1]
    assert volume.GetName() == "Fine-tuning look"


def test_the_next_look_takes_the_place_of_the_last(slicer_scene, run):
    show_look("run", read_look(run))
    volume = shown("vtkMRMLScalarVolumeNode")
    save(run, left=[7, 8, 9])
    show_look("run", read_look(run))
    np.testing.assert_allclose(points(), [(AFFINE @ [7, 8, 9, 1])[:3]], atol=1e-6)
    assert shown("vtkMRMLScalarVolumeNode") is volume
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1


def test_labels_without_any_voxel_are_a_look_too(slicer_scene, run):
    save(run)
    show_look("run", read_look(run))
    assert len(points()) == 0


def test_the_views_are_left_alone_after_the_first_look(slicer_scene, run):
    show_look("run", read_look(run))
    node = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    node.SetSliceOffset(3.5)
    show_look("run", read_look(run))
    assert node.GetSliceOffset() == pytest.approx(3.5)


def test_another_run_has_nodes_of_its_own(slicer_scene, run):
    show_look("one", read_look(run))
    show_look("two", read_look(run))
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 2


def test_files_that_do_not_fit_together_are_given_up_after_some_tries(slicer_scene, run, caplog):
    save(run, shape=(20, 22, 15))
    look = Look(run)
    with caplog.at_level(logging.WARNING):
        look.update()
        slicer_scene.wait_for(lambda: "cannot be shown" in caplog.text)
    assert shown("vtkMRMLSegmentationNode") is None
    save(run, left=[1, 2, 3])
    look.update()
    slicer_scene.wait_for(lambda: shown("vtkMRMLSegmentationNode"))


def test_a_look_that_is_left_shows_nothing_more(slicer_scene, run):
    look = Look(run)
    look.update()
    look.leave()
    for _ in range(30):
        slicer_scene.process_events()
    assert shown("vtkMRMLSegmentationNode") is None
