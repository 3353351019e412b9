"""The console's road: real worker processes, a real scene, the event loop."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from pathlib import Path

import pytest
import slicer
from module_samples.fixtures import nothing_left
from module_samples.leaks import kill_workers
from module_samples.volumes import add_volume, scene_contents
from neosegdino.errors import Cancelled, NeoSegDINOError, OutputError, VolumeError
from NeoSegDINOLib import install
from NeoSegDINOLib.results import report_of


@pytest.fixture
def logic(module):
    return module.source().NeoSegDINOLogic()


@pytest.fixture
def started(fake_worker, logic, slicer_scene):
    """A run that hangs in mid-work, with the file of its process numbers."""
    pids = fake_worker("hang")

    def start(volume, segmentation=None, **options):
        run = logic.segment(volume, segmentation, wait=False, **options)
        slicer_scene.wait_for(pids.exists)
        slicer_scene.wait_for(lambda: len(pids.read_text().split()) >= 3)
        return run, pids

    return start


def test_waiting_gives_node_and_report(logic, fake_worker, caplog):
    fake_worker("slow")
    volume = add_volume()
    updates = []
    with caplog.at_level(logging.INFO):
        node, report = logic.segment(volume, onProgress=updates.append)
    assert node.GetName() == "T2w hippocampus"
    assert report_of(node) == report
    assert report["input"]["source"] == "T2w"
    assert updates[-1].fraction == 1
    assert len([record for record in caplog.records if record.levelno == logging.INFO]) <= 2


def test_waiting_raises_what_went_wrong(logic, fake_worker):
    fake_worker("crash")
    volume = add_volume()
    before = scene_contents()
    with pytest.raises(OutputError, match="bad day"):
        logic.segment(volume)
    assert scene_contents() == before


def test_the_age_goes_into_the_report(logic, fake_worker):
    fake_worker("result")
    _node, report = logic.segment(add_volume(), ageWeeks=36)
    assert report["age"]["published"][0]["left_ml"] == 1.13


def test_an_age_that_cannot_be_is_refused_before_any_work(logic, fake_worker, jobs):
    fake_worker("result")
    with pytest.raises(VolumeError, match="400 weeks cannot be"):
        logic.segment(add_volume(), ageWeeks=400)
    assert list(jobs.iterdir()) == []


@pytest.mark.parametrize("word", ["whole", "", None])
def test_unknown_windows_are_refused_before_any_work(logic, fake_worker, jobs, monkeypatch, word):
    fake_worker("result")
    monkeypatch.setattr(install, "ensure_packages", lambda: pytest.fail("this is work"))
    with pytest.raises(NeoSegDINOError, match=r"no way to cover a volume\. Choose one of: located, all\."):
        logic.segment(add_volume(), windows=word)
    assert list(jobs.iterdir()) == []


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("how", ["absolute", "relative", "name"])
def test_a_bundle_is_given_by_name_or_folder(logic, fake_worker, models, monkeypatch, kind, how):
    fake_worker("result")
    monkeypatch.chdir(models.parent)
    given = {"absolute": str(models / "other"), "relative": f"{models.name}/other", "name": "other"}[how]
    run = logic.segment(add_volume(), bundle=kind(given), wait=False)
    run.wait()
    told = "other" if how == "name" else str(models / "other")
    assert f" --bundle {told} --" in run.log


def test_a_scene_that_is_closed_while_packages_are_installed_ends_it(logic, fake_worker, jobs, monkeypatch):
    fake_worker("result")
    monkeypatch.setattr(install, "ensure_packages", lambda: slicer.mrmlScene.Clear(0))
    with pytest.raises(Cancelled, match="'T2w' has left the scene"):
        logic.segment(add_volume())
    assert list(jobs.iterdir()) == []
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_where_no_thread_can_be_had_nothing_listens_to_the_scene(logic, fake_worker, monkeypatch):
    fake_worker("result")
    volume, ended = add_volume(), []

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            logic.segment(volume, wait=False, onFinished=ended.append)
    slicer.mrmlScene.RemoveNode(volume)
    assert ended == []


def test_an_unsuitable_node_is_refused_before_any_work(logic, fake_worker, jobs):
    fake_worker("slow")
    with pytest.raises(VolumeError, match="No input volume"):
        logic.segment(None)
    assert list(jobs.iterdir()) == []


def test_not_waiting_tells_once_when_it_has_ended(logic, fake_worker, slicer_scene):
    fake_worker("slow")
    ended = []
    run = logic.segment(add_volume(), wait=False, onFinished=ended.append)
    assert run.running
    assert ended == []
    slicer_scene.wait_for(lambda: not run.running)
    assert ended == [run]
    assert run.error is None
    assert run.node.GetSegmentation().GetNumberOfSegments() == 2


def test_while_it_runs_the_scene_is_not_touched(logic, fake_worker, slicer_scene):
    fake_worker("slow")
    volume = add_volume()
    before = scene_contents()
    seen = []
    run = logic.segment(volume, wait=False, onProgress=lambda _update: seen.append(scene_contents() == before))
    slicer_scene.wait_for(lambda: not run.running)
    assert len(seen) > 5
    assert all(seen)


def test_cancel_leaves_scene_processes_and_files_as_before(started, jobs):
    volume = add_volume()
    before = scene_contents()
    run, pids = started(volume)
    run.cancel()
    assert not run.running
    assert isinstance(run.error, Cancelled)
    assert run.join(5)
    assert nothing_left(pids, jobs)
    assert scene_contents() == before


def test_cancel_twice_or_after_the_end_is_nothing(logic, fake_worker, slicer_scene):
    fake_worker("slow")
    run = logic.segment(add_volume(), wait=False)
    slicer_scene.wait_for(lambda: not run.running)
    run.cancel()
    assert run.error is None


def test_removing_the_input_ends_the_run(started, jobs):
    volume, other = add_volume(), add_volume("other")
    run, pids = started(volume)
    slicer.mrmlScene.RemoveNode(other)
    assert run.running
    slicer.mrmlScene.RemoveNode(volume)
    assert not run.running
    assert run.join(5)
    assert nothing_left(pids, jobs)


def test_closing_the_scene_ends_the_run(started, jobs):
    run, pids = started(add_volume())
    slicer.mrmlScene.Clear(0)
    assert not run.running
    assert run.join(5)
    assert nothing_left(pids, jobs)


def test_closing_the_scene_while_waiting_raises_cancelled(logic, fake_worker):
    fake_worker("slow")
    with pytest.raises(Cancelled):
        logic.segment(add_volume(), onProgress=lambda _update: slicer.mrmlScene.Clear(0))


def test_a_removed_output_is_replaced_by_a_new_one(logic, fake_worker, slicer_scene):
    fake_worker("slow")
    output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    run = logic.segment(add_volume(), output, wait=False)
    slicer.mrmlScene.RemoveNode(output)
    slicer_scene.wait_for(lambda: not run.running)
    assert run.error is None
    assert run.node is not output
    assert slicer.mrmlScene.IsNodePresent(run.node)


def test_a_chosen_output_is_filled(logic, fake_worker):
    fake_worker("slow")
    output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    node, _report = logic.segment(add_volume(), output)
    assert node is output
    assert output.GetSegmentation().GetNumberOfSegments() == 2


def test_an_ended_run_watches_the_scene_no_longer(logic, fake_worker, slicer_scene, monkeypatch):
    fake_worker("slow")
    volume = add_volume()
    run = logic.segment(volume, wait=False)
    slicer_scene.wait_for(lambda: not run.running)
    calls = []
    monkeypatch.setattr(run, "cancel", lambda: calls.append("cancel"))
    slicer.mrmlScene.RemoveNode(volume)
    slicer.mrmlScene.Clear(0)
    assert calls == []


def test_an_ended_run_is_let_go(logic, fake_worker):
    """It holds a copy of the volume."""
    fake_worker("slow")
    ended = []
    logic.segment(add_volume(), onFinished=lambda run: ended.append(weakref.ref(run)))
    gc.collect()
    assert [run() for run in ended] == [None]


def test_a_worker_that_talks_without_end_does_not_stop_the_window(logic, fake_worker, slicer_scene):
    fake_worker("chatter")
    run = logic.segment(add_volume(), wait=False)
    updates = []
    run._on_progress = updates.append
    slicer_scene.wait_for(lambda: len(updates) > 200)
    assert longest_of(slicer_scene.process_events, 20) < 0.5
    run.cancel()


def test_the_end_of_a_worker_that_has_talked_much_is_told_soon(logic, fake_worker, slicer_scene, jobs):
    fake_worker("chatter")
    updates = []

    def show(update):
        updates.append(update)
        time.sleep(0.001)  # as a window that draws

    run = logic.segment(add_volume(), wait=False, onProgress=show)
    slicer_scene.wait_for(lambda: updates)
    time.sleep(1)
    assert kill_workers(jobs) == 1
    killed = time.monotonic()
    slicer_scene.wait_for(lambda: not run.running)
    assert time.monotonic() - killed < 2
    assert isinstance(run.error, OutputError)


def longest_of(work, times: int) -> float:
    """Seconds of the slowest call."""
    pauses = []
    for _ in range(times):
        before = time.monotonic()
        work()
        pauses.append(time.monotonic() - before)
    return max(pauses)
