"""What is said of a volume node before the click."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
from neosegdino import suitability
from NeoSegDINOLib.input_check import InputCheck


def add(shape=(60, 70, 80), spacing=(1.6, 1.6, 1.6), name="T2w"):
    """A ball on the given grid; shape is (k, j, i)."""
    places = np.moveaxis(np.indices(shape), 0, -1) - (np.array(shape) - 1) / 2
    ball = np.linalg.norm(places * spacing, axis=-1) < 45
    node = slicer.util.addVolumeFromArray((ball * 400).astype(np.int16), name=name)
    node.SetSpacing(*spacing)
    return node


def texts(node, check=None, **options):
    return [str(finding) for finding in (check or InputCheck()).findings(node, **{"located": True, **options})]


def test_a_head_needs_no_words(slicer_scene):
    assert texts(add()) == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("vtkMRMLLabelMapVolumeNode", "'x' is a label map. Choose the image"),
        ("vtkMRMLDiffusionWeightedVolumeNode", "'x' holds several diffusion-weighted images. Choose a T1w or T2w"),
        ("vtkMRMLDiffusionTensorVolumeNode", "'x' holds diffusion tensors. Choose a T1w or T2w"),
        ("vtkMRMLSequenceNode", "'x' is a sequence. Choose the volume that shows one of its frames."),
        ("vtkMRMLModelNode", "'x' is no volume. Choose a T1w or T2w"),
        ("vtkMRMLScalarVolumeNode", "'x' holds no image. Load the volume again"),
    ],
)
def test_nodes_that_are_no_scalar_volumes_are_named(slicer_scene, kind, message):
    (finding,) = InputCheck().findings(slicer.mrmlScene.AddNewNodeByClass(kind, "x"), located=True)
    assert finding.blocking
    assert str(finding).startswith(message)


def test_an_empty_image_is_refused(slicer_scene):
    node = slicer.util.addVolumeFromArray(np.zeros((60, 60, 60), np.int16), name="zeros")
    (finding,) = InputCheck().findings(node, located=True)
    assert finding.blocking
    assert finding.message == "'zeros' is empty: all voxels have the same value."


def test_spacing_and_view_are_those_of_the_node_with_its_transform(slicer_scene):
    node = add()
    check = InputCheck()
    assert texts(node, check) == []
    stretch = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(stretch, np.diag([0.2, 1, 2, 1.0]))
    node.SetAndObserveTransformNodeID(stretch.GetID())
    found = texts(node, check)
    assert "covers only 26 mm from left to right" in found[0]
    assert "3.2 mm from bottom to top" in found[1]


def test_a_small_view_is_refused_only_where_both_hippocampi_have_to_be_found(slicer_scene):
    node = add((60, 60, 20))
    assert "too little for two hippocampi" in texts(node)[0]
    assert "a hippocampus may be cut off" in texts(node, located=False)[0]


def test_changed_voxels_are_seen(slicer_scene):
    node = add()
    check = InputCheck()
    assert texts(node, check) == []
    slicer.util.arrayFromVolume(node)[:] = 0
    slicer.util.arrayFromVolumeModified(node)
    assert "is empty" in texts(node, check)[0]


def test_voxels_are_read_once_while_nothing_changes(slicer_scene, monkeypatch):
    node = add()
    check = InputCheck()
    check.findings(node, located=True)
    monkeypatch.setattr(suitability, "look", None)
    assert texts(node, check) == []


def test_one_frame_of_a_sequence_is_said_to_be_that(slicer_scene):
    node = add()
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "fetal movie")
    sequence.SetDataNodeAtValue(node, "0")
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.AddProxyNode(node, sequence, False)
    (finding,) = InputCheck().findings(node, located=True)
    assert not finding.blocking
    assert "'T2w' is one frame of the sequence 'fetal movie'; only this frame is segmented." in finding.message


def test_a_big_volume_is_looked_at_in_a_moment(slicer_scene):
    node = add((320, 320, 320), (0.6, 0.6, 0.6))
    began = time.perf_counter()
    assert texts(node) == []
    assert time.perf_counter() - began < 0.5  # about 20 ms; here only that not every voxel is looked at
