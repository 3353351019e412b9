"""Real worker processes, followed without Qt or a scene."""

from __future__ import annotations

import gc
import time
import weakref

import numpy as np
import psutil
import pytest
from module_samples.classes import CLASSES
from module_samples.fixtures import nothing_left
from neosegdino.errors import Cancelled, NeoSegDINOError, OutputError, VolumeError
from NeoSegDINOLib.job import Job, JobResult, ProgressUpdate, Request
from NeoSegDINOLib.nodes import NodeImage

MATRIX = np.array([[-0.8, 0, 0, 12], [0, 0.9, 0, -14], [0, 0, 1.1, 3], [0, 0, 0, 1]], float)


def make_job(name="T2w brain / 1", age_weeks=None):
    voxels = np.random.default_rng(0).integers(0, 900, (50, 40, 30)).astype(np.int16)
    return Job(Request(NodeImage(voxels, MATRIX, name), "", "located", "cpu", age_weeks))


def follow(job, seconds=30.0):
    """All events of a job."""
    job.start()
    events, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        event = job.poll()
        if event is not None:
            events.append(event)
        if isinstance(event, JobResult | NeoSegDINOError):
            assert job.join(10)
            return events
    raise TimeoutError


def test_result_comes_back_on_the_inputs_voxels(fake_worker, jobs):
    fake_worker("slow")
    *progress, result = follow(make_job())
    assert isinstance(result, JobResult)
    left, right = result.boxes
    assert (left.class_spec, right.class_spec) == CLASSES
    assert left.mask.any()
    assert left.extent[0][0] > right.extent[0][1]  # the first axis runs to the left
    assert result.report["input"]["source"] == "T2w brain / 1"
    fractions = [update.fraction for update in progress]
    assert fractions == sorted(fractions)
    assert isinstance(progress[3], ProgressUpdate)
    assert progress[3].stage == "segment"
    assert progress[3].remaining_s == pytest.approx(0.7)
    assert list(jobs.iterdir()) == []


def test_uncertainty_comes_back_as_the_box_where_there_is_any(fake_worker):
    fake_worker("result")
    result = follow(make_job())[-1]
    assert isinstance(result, JobResult)
    box = result.uncertainty
    assert box is not None
    assert box.values.max() == np.float16(0.4)
    first = min(part.extent[0][0] for part in result.boxes)
    assert box.origin[0] == first - 1
    assert all(got < whole for got, whole in zip(box.values.shape, (50, 40, 30), strict=True))


@pytest.mark.parametrize("what", ["result", "wrong_grid"])
def test_the_image_is_let_go_when_the_job_has_ended(fake_worker, what):
    fake_worker(what)
    job = make_job()
    image = weakref.ref(job._thread._args[0].image)
    assert image() is not None
    assert isinstance(follow(job)[-1], JobResult) is (what == "result")
    gc.collect()
    assert image() is None


def test_the_age_is_told_to_the_worker(fake_worker):
    fake_worker("result")
    given, none = (follow(make_job(age_weeks=weeks))[-1] for weeks in (38.5, None))
    assert given.report["age"]["weeks"] == 38.5
    assert none.report["age"] is None


def test_garbage_on_standard_output_goes_into_the_log(fake_worker):
    fake_worker("babble")
    job = make_job()
    assert isinstance(follow(job)[-1], JobResult)
    for noise in ("not JSON {", "broken bytes", "a warning of some library", '{"event": "unknown"}'):
        assert noise in job.log.text()


def test_a_crash_gives_its_last_error_and_the_traceback(fake_worker, jobs):
    fake_worker("crash")
    job = make_job()
    error = follow(job)[-1]
    assert isinstance(error, OutputError)
    assert "exit code 1" in error.message
    assert "RuntimeError: the tensor has a bad day: \u00fc" in error.message
    assert error.remedy
    assert "Traceback" in job.log.text()
    assert list(jobs.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("vanish", OutputError, r"killed \(exit code -9\), most likely because memory ran out"),
        ("nothing", OutputError, "without a result"),
        ("wrong_grid", OutputError, "not on the input's grid"),
        ("error", VolumeError, "^T2w brain / 1: all voxels are equal"),
    ],
)
def test_other_ends_are_told_apart(fake_worker, jobs, what, kind, message):
    fake_worker(what)
    error = follow(make_job())[-1]
    with pytest.raises(kind, match=message):
        raise error
    assert error.remedy
    assert list(jobs.iterdir()) == []


def test_cancel_ends_the_whole_process_tree_and_tidies_up(fake_worker, jobs):
    pids = fake_worker("hang")
    job = make_job()
    job.start()
    while not isinstance(job.poll(), ProgressUpdate):
        pass
    child = int(pids.read_text().split()[1])
    assert psutil.pid_exists(child)
    before = time.monotonic()
    job.cancel()
    assert time.monotonic() - before < 0.5
    assert job.join(5)
    assert isinstance(job.poll(), Cancelled)
    assert nothing_left(pids, jobs)


def test_a_killed_worker_is_told_though_its_child_lives_and_nothing_is_left(fake_worker, jobs):
    pids = fake_worker("hang")
    job = make_job()
    job.start()
    while not isinstance(job.poll(), ProgressUpdate):
        pass
    psutil.Process(int(pids.read_text().split()[0])).kill()
    assert job.join(10)
    assert "was killed" in job.poll().message
    assert nothing_left(pids, jobs)


def test_cancel_before_the_worker_is_there_starts_none(fake_worker, jobs):
    pids = fake_worker("hang")
    job = make_job()
    job.cancel()
    assert isinstance(follow(job)[-1], Cancelled)
    assert not pids.exists()
    assert list(jobs.iterdir()) == []


def test_input_file_is_private_and_the_node_name_is_no_path(fake_worker, jobs):
    pids = fake_worker("hang")
    job = make_job(name="../../\u00e9t\u00e9 \U0001f9e0 " + "x" * 300)
    job.start()
    while not isinstance(job.poll(), ProgressUpdate):
        pass
    folder = next(jobs.iterdir())
    (image,) = folder.glob("*.nii")
    assert folder.stat().st_mode & 0o077 == 0
    assert len(image.name) < 80
    assert image.name.isascii()
    job.cancel()
    assert job.join(5)
    assert nothing_left(pids, jobs)


def test_a_worker_that_does_not_start_is_told(fake_worker, jobs, monkeypatch):
    fake_worker("slow")
    monkeypatch.setattr("NeoSegDINOLib.process.worker_program", lambda: ["/no/such/python"])
    error = follow(make_job())[-1]
    assert isinstance(error, OutputError)
    assert "/no/such/python" in error.message
    assert list(jobs.iterdir()) == []


def test_a_thread_that_dies_is_noticed(fake_worker, monkeypatch, slicer_scene):
    fake_worker("slow")
    monkeypatch.setattr("NeoSegDINOLib.job.start_worker", lambda *_: 1 / 0)
    monkeypatch.setattr("threading.excepthook", lambda _arguments: None)
    assert "ended unexpectedly" in follow(make_job())[-1].message
