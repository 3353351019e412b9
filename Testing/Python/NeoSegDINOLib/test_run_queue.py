"""The queue on real worker processes and a real scene."""

from __future__ import annotations

import pytest
import slicer
from module_samples.fixtures import nothing_left
from module_samples.volumes import add_volume, scene_contents
from neosegdino.errors import Cancelled, DependencyError, OutputError, VolumeError
from NeoSegDINOLib import install
from NeoSegDINOLib.run_queue import Entry, RunQueue, State

OPTIONS = {"bundle": None, "windows": "located", "device": "auto"}


class Watched:
    """A queue and what it has told."""

    def __init__(self, logic):
        self.ended = []
        self.changes = 0
        self.fractions = []
        self.queue = RunQueue(logic.segment, self.on_change, self.on_progress, self.ended.append)

    def on_change(self):
        self.changes += 1

    def on_progress(self):
        self.fractions.append(self.queue.running.progress.fraction)

    @property
    def states(self):
        return [(entry.volume.GetName(), entry.state.value) for entry in self.queue.entries]


@pytest.fixture
def watched(models, jobs, module):
    made = Watched(module.source().NeoSegDINOLogic())
    yield made
    made.queue.close(5)


@pytest.fixture
def queue(watched):
    return watched.queue


def entry(name, target=None):
    return Entry(add_volume(name), target, None, OPTIONS)


@pytest.fixture
def at_rest(queue, slicer_scene):
    """Wait until nothing is at work."""
    return lambda: slicer_scene.wait_for(lambda: queue.running is None)


@pytest.fixture
def hanging(fake_worker, queue, slicer_scene):
    """Three volumes, of which the first hangs; returns them and the file of process numbers."""
    pids = fake_worker("hang")
    entries = [entry(name) for name in ("a", "b", "c")]
    queue.add(entries)
    slicer_scene.wait_for(lambda: pids.exists() and len(pids.read_text().split()) >= 3)
    return entries, pids


def test_one_after_another_and_results_as_each_ends(watched, queue, fake_worker, slicer_scene, at_rest):
    fake_worker("slow")
    entries = [entry(name) for name in ("a", "b", "c")]
    queue.add(entries)
    assert watched.states == [("a", "running"), ("b", "waiting"), ("c", "waiting")]
    slicer_scene.wait_for(lambda: entries[0].state is State.done)
    assert [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")] == ["a hippocampus"]
    assert watched.states[1:] == [("b", "running"), ("c", "waiting")]
    at_rest()
    assert watched.ended == entries
    assert [one.run.node.GetName() for one in entries] == ["a hippocampus", "b hippocampus", "c hippocampus"]
    assert max(watched.fractions) == 1


def test_one_that_fails_does_not_stop_the_others(watched, queue, fake_worker, at_rest):
    fake_worker("as_named")
    queue.add([entry("crash"), entry("slow")])
    at_rest()
    assert watched.states == [("crash", "failed"), ("slow", "done")]
    assert isinstance(queue.entries[0].error, OutputError)
    assert "Traceback" in queue.entries[0].log


def test_one_that_has_become_unsuitable_fails_and_the_next_goes_on(watched, queue, fake_worker, at_rest, slicer_scene):
    fake_worker("slow")
    entries = [entry("a"), entry("emptied"), entry("c")]
    queue.add(entries)
    entries[1].volume.SetAndObserveImageData(None)
    at_rest()
    assert [state for _name, state in watched.states] == ["done", "failed", "done"]
    assert isinstance(entries[1].error, VolumeError)
    assert "holds no image" in entries[1].log


def test_missing_packages_are_told_once(watched, queue, fake_worker, slicer_scene, monkeypatch):
    fake_worker("slow")
    monkeypatch.setattr(install, "is_satisfied", lambda requirement: requirement.name != "nibabel")
    slicer_scene.dialogs.answer("Cancel")
    queue.add([entry("a"), entry("b")])
    assert watched.states == [("a", "failed")]
    assert isinstance(watched.ended[0].error, DependencyError)


def test_added_while_one_runs_it_waits_and_ended_ones_are_kept_till_the_queue_rests(
    watched, queue, fake_worker, at_rest
):
    fake_worker("slow")
    queue.add([entry("a")])
    queue.add([entry("b")])
    assert watched.states == [("a", "running"), ("b", "waiting")]
    at_rest()
    assert watched.states == [("a", "done"), ("b", "done")]
    queue.add([entry("c")])
    assert watched.states == [("c", "running")]


def test_a_volume_is_in_the_queue_once(queue, hanging):
    (a, b, _c), _pids = hanging
    assert queue.why_not(a.volume) == "'a' is being segmented. Wait for it or cancel it."
    assert queue.why_not(b.volume) == "'b' waits in the queue."
    assert queue.why_not(add_volume("d")) is None
    queue.remove(b)
    assert queue.why_not(b.volume) is None


def test_cancel_ends_the_running_one_and_the_next_begins(watched, queue, hanging, jobs, fake_worker, at_rest):
    entries, pids = hanging
    fake_worker("slow")
    run = entries[0].run
    queue.cancel()
    assert watched.states == [("a", "cancelled"), ("b", "running"), ("c", "waiting")]
    assert isinstance(entries[0].error, Cancelled)
    assert run.join(5)
    at_rest()
    assert nothing_left(pids, jobs)
    assert [state for _name, state in watched.states] == ["cancelled", "done", "done"]


def test_waiting_ones_are_removed_one_by_one_or_all(watched, queue, hanging):
    entries, _pids = hanging
    queue.remove(entries[1])
    assert watched.states == [("a", "running"), ("c", "waiting")]
    queue.remove(entries[0])
    assert watched.states == [("a", "running"), ("c", "waiting")]
    queue.remove_waiting()
    assert watched.states == [("a", "running")]


def test_a_waiting_volume_that_is_removed_from_the_scene_leaves_the_queue(watched, queue, hanging):
    entries, _pids = hanging
    changes = watched.changes
    slicer.mrmlScene.RemoveNode(entries[1].volume)
    assert watched.states == [("a", "running"), ("c", "waiting")]
    assert watched.changes > changes


def test_a_running_volume_that_is_removed_makes_room_for_the_next(watched, queue, hanging, fake_worker, at_rest):
    entries, _pids = hanging
    fake_worker("slow")
    slicer.mrmlScene.RemoveNode(entries[0].volume)
    at_rest()
    assert entries[0].state is State.cancelled
    assert [one.state for one in entries[1:]] == [State.done, State.done]


def test_closing_the_scene_ends_all(watched, queue, hanging, jobs):
    entries, pids = hanging
    run = entries[0].run
    slicer.mrmlScene.Clear(0)
    assert queue.entries == []
    assert watched.ended == entries[:1]
    assert run.join(5)
    assert nothing_left(pids, jobs)
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_closing_the_queue_leaves_nothing(queue, hanging, jobs):
    _entries, pids = hanging
    before = scene_contents()
    queue.close(5)
    assert nothing_left(pids, jobs)
    assert scene_contents() == before
