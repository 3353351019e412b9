"""The queue while an entry starts: packages may be installed for it for minutes, and the window is alive meanwhile."""

from __future__ import annotations

import pytest
import slicer
from module_samples.volumes import add_volume
from neosegdino.errors import Cancelled, DependencyError, OutputError
from NeoSegDINOLib import install
from NeoSegDINOLib.pip_installation import PipInstallation
from NeoSegDINOLib.run_queue import Entry, RunQueue, State

OPTIONS = {"bundle": None, "windows": "located", "device": "auto"}


@pytest.fixture
def ended():
    """The entries whose end was told."""
    return []


@pytest.fixture
def queue(models, jobs, module, ended):
    made = RunQueue(module.source().NeoSegDINOLogic().segment, lambda: None, lambda: None, ended.append)
    yield made
    made.close(5)


@pytest.fixture
def at_rest(queue, slicer_scene):
    """Wait until nothing is at work."""
    return lambda: slicer_scene.wait_for(lambda: queue.running is None)


@pytest.fixture
def installing(monkeypatch):
    """Let something happen once while packages are installed; afterwards all are there."""

    def use(happens):
        todo = [happens]
        monkeypatch.setattr(install, "ensure_packages", lambda: todo.pop()() if todo else None)

    return use


def entry(name):
    return Entry(add_volume(name), None, None, OPTIONS)


def states(queue):
    return [(one.volume.GetName(), one.state.value) for one in queue.entries]


def results():
    return [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]


def test_what_is_added_meanwhile_waits_for_its_turn(queue, fake_worker, installing, at_rest):
    fake_worker("result")
    first, second, seen = entry("a"), entry("b"), []

    def add():
        queue.add([second])
        seen.extend([*states(queue), queue.why_not(first.volume), queue.running])

    installing(add)
    queue.add([first])
    assert seen == [("a", "starting"), ("b", "waiting"), "'a' is being segmented. Wait for it or cancel it.", first]
    assert states(queue) == [("a", "running"), ("b", "waiting")]
    at_rest()
    assert states(queue) == [("a", "done"), ("b", "done")]
    assert results() == ["a hippocampus", "b hippocampus"]


def test_a_target_that_is_filled_after_the_installation_is_known(queue, fake_worker, installing, at_rest):
    fake_worker("result")
    mine, known = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine"), []
    installing(lambda: known.append(queue.will_fill(mine)))
    queue.add([Entry(add_volume("a"), mine, None, OPTIONS)])
    at_rest()
    assert known == [True]


def test_a_volume_that_is_removed_meanwhile_makes_room_for_the_next(queue, fake_worker, installing, at_rest, ended):
    fake_worker("result")
    first, second = entry("a"), entry("b")
    installing(lambda: slicer.mrmlScene.RemoveNode(first.volume))
    queue.add([first, second])
    assert (first.state, str(first.error)) == (State.cancelled, "'a' has left the scene. Nothing was changed.")
    at_rest()
    assert ended == [first, second]
    assert results() == ["b hippocampus"]


def test_a_scene_that_is_closed_meanwhile_gets_no_result_of_the_last_one(
    queue, fake_worker, installing, at_rest, ended
):
    fake_worker("result")
    first, later = entry("a"), []

    def close():
        slicer.mrmlScene.Clear(0)
        later.append(entry("next patient"))
        queue.add(later)
        assert later[0].state is State.waiting  # the installation is at work still

    installing(close)
    queue.add([first, entry("b")])
    at_rest()
    assert ended == [first, later[0]]
    assert first.state is State.cancelled
    assert results() == ["next patient hippocampus"]


def test_cancel_ends_the_installation_and_asks_for_no_other(queue, fake_pip, lacking, slicer_scene, ended):
    fake_pip("hangs")
    lacking("nibabel")
    slicer_scene.dialogs.answer("Ok")
    PipInstallation.watchers.append(cancel := lambda _installation: queue.cancel())
    try:
        queue.add([entry("a"), entry("b")])
    finally:
        PipInstallation.watchers.remove(cancel)
    assert states(queue) == [("a", "cancelled")]
    assert PipInstallation.current is None
    assert len(ended) == 1


def test_cancel_where_the_installation_cannot_be_ended(queue, fake_worker, installing, jobs, slicer_scene):
    pids = fake_worker("hang")
    installing(queue.cancel)
    first = entry("a")
    queue.add([first])
    assert isinstance(first.error, Cancelled)
    assert first.state is State.cancelled
    assert first.run.join(5)
    assert not pids.exists()
    assert list(jobs.iterdir()) == []


@pytest.mark.parametrize("unknown", [MemoryError("no room"), TypeError("'<' not supported")])
def test_an_unexpected_error_is_told_and_the_next_goes_on(queue, fake_worker, installing, at_rest, ended, unknown):
    fake_worker("result")

    def fail():
        raise unknown

    installing(fail)
    first, second = entry("a"), entry("b")
    queue.add([first, second])
    assert first.state is State.failed
    assert isinstance(first.error, OutputError)
    assert repr(unknown) in first.log
    assert first.error.remedy
    assert queue.why_not(first.volume) is None
    at_rest()
    assert ended == [first, second]
    assert second.state is State.done


def test_a_closed_queue_tells_nobody(queue, fake_worker, installing, ended):
    fake_worker("result")

    def close():
        queue.close(5)
        raise Cancelled("The module was closed.")

    installing(close)
    queue.add([entry("a"), entry("b")])
    assert ended == []
    assert queue.running is None
    assert results() == []


def test_a_dependency_error_is_told_once(queue, fake_worker, installing, ended):
    fake_worker("result")

    def fail():
        raise DependencyError("Python packages are being installed.", "Wait for it or cancel it.")

    installing(fail)
    queue.add([entry("a"), entry("b")])
    assert states(queue) == [("a", "failed")]
    assert len(ended) == 1
