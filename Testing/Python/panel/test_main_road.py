"""From the click to the hippocampi with the real worker: the package's own command line and a whole small bundle."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import psutil
import pytest
import slicer
from module_samples.segment_points import segment_points
from module_samples.volumes import scene_contents

SHAPE = (56, 64, 60)


def add_head():
    """An oblique, anisotropic head: a bright ball with two darker spots, under a transform."""
    k, j, i = np.indices(SHAPE)
    place = np.stack([i - 30, j - 32, k - 28], axis=-1) / 22
    voxels = (np.linalg.norm(place, axis=-1) < 1) * 600.0 + np.random.default_rng(0).normal(50, 20, SHAPE)
    turn = np.deg2rad(12)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[-np.cos(turn), np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    matrix[:3, :3] *= [1.6, 1.6, 1.9]
    matrix[:3, 3] = [45, -60, -50]
    volume = slicer.util.addVolumeFromArray(voxels.astype(np.int16), ijkToRAS=matrix, name="newborn \u00fc 1")
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    move = np.eye(4)
    move[:3, 3] = [5, 0, -7]
    slicer.util.updateTransformMatrixFromArray(transform, move)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    return volume


@pytest.mark.slow
def test_click_to_result(real_worker, module_widget, slicer_scene):
    ui, tab = module_widget.ui, module_widget.segmentTab
    volume = add_head()
    module_widget._parameterNode.bundle = real_worker
    ui.deviceComboBox.currentIndex = 1
    seen = set()
    ui.segmentButton.click()
    while tab.run is not None:
        slicer_scene.process_events()
        seen.add(ui.stageLabel.text.split(",")[0])
    assert ui.messageFrame.isHidden(), ui.messageLabel.text
    node = ui.outputSelector.currentNode()
    assert node.GetParentTransformNode() is volume.GetParentTransformNode()
    assert len(seen) >= 2, seen
    assert ui.resultTable.rowCount == 3
    check_against_report(node, module_widget)


def check_against_report(node, module_widget):
    """What is in the scene is what the worker has measured, in the same place."""
    from NeoSegDINOLib.results import report_of

    report = report_of(node)
    assert report["bundle"]["name"] == "tiny"
    assert report["input"]["source"] == "newborn \u00fc 1"
    for row in report["hippocampus"]:
        identifier = row["name"].replace(" ", "_")
        points = segment_points(node, identifier)
        if row["volume_mm3"] == 0:
            assert len(points) == 0
            continue
        assert len(points) * 1.6 * 1.6 * 1.9 == pytest.approx(row["volume_mm3"], rel=1e-3)
        np.testing.assert_allclose(points.mean(axis=0), row["centroid_ras"], atol=0.05)


@pytest.mark.slow
def test_console_and_the_workers_own_errors(real_worker, module, slicer_scene):
    from neosegdino.errors import BundleError, VolumeError

    logic = module.source().NeoSegDINOLogic()
    volume = add_head()
    node, report = logic.segment(volume, bundle=real_worker, windows="all", device="cpu")
    assert report["windows"]["mode"] == "all"
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    with pytest.raises(BundleError, match="No model bundle named 'nowhere'"):
        logic.segment(volume, bundle="nowhere")
    slicer.util.arrayFromVolume(volume)[:] = 7
    with pytest.raises(VolumeError) as caught:
        logic.segment(volume, bundle=real_worker, device="cpu")
    assert "newborn" in caught.value.message
    assert "/" not in caught.value.message


@pytest.fixture
def at_work(real_worker, module_widget, slicer_scene, jobs):
    """The real worker in the middle of its work; returns its processes."""
    add_head()
    module_widget._parameterNode.bundle = real_worker
    module_widget.ui.deviceComboBox.currentIndex = 1
    module_widget.ui.segmentButton.click()
    slicer_scene.wait_for(lambda: module_widget.ui.progressBar.value > 0, 60)
    return psutil.Process().children(recursive=True)


@pytest.mark.slow
def test_a_killed_worker_says_what_happened_and_leaves_nothing(at_work, module_widget, slicer_scene, jobs):
    ui, tab = module_widget.ui, module_widget.segmentTab
    before = set(scene_contents())
    for process in at_work:
        os.kill(process.pid, signal.SIGKILL)
    slicer_scene.wait_for(lambda: tab.run is None)
    assert "killed (exit code -9)" in ui.messageLabel.text
    assert "Close other programs" in ui.messageLabel.text
    ui.copyLogButton.click()
    log = slicer.app.clipboard().text()
    assert "arguments: segment" in log
    assert "exit code: -9" in log
    assert set(scene_contents()) == before
    assert list(jobs.iterdir()) == []
    assert ui.segmentButton.enabled


@pytest.mark.slow
def test_cancel_ends_the_real_worker_within_two_seconds(at_work, module_widget, slicer_scene, jobs):
    ui, tab = module_widget.ui, module_widget.segmentTab
    before, run = scene_contents(), tab.run
    began = time.monotonic()
    ui.cancelButton.click()
    assert run.join(2)
    assert psutil.wait_procs(at_work, timeout=2)[1] == []
    assert time.monotonic() - began < 2
    assert list(jobs.iterdir()) == []
    assert scene_contents() == before
