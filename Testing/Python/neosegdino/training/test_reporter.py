from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from neosegdino.errors import Cancelled, OutputError, Paused, TrainingError, VolumeError
from neosegdino.progress import Event, LogEvent, Progress, ProgressEvent
from neosegdino.training.reporter import Reporter
from neosegdino.training.run_folder import RunFolder, Status


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture
def reporter(folder: RunFolder) -> Reporter:
    return Reporter(folder, Progress())


def status(folder: RunFolder) -> Status:
    found = folder.read_status()
    assert found is not None
    return found


def stamp(folder: RunFolder) -> tuple[int, int]:
    """Another one after every write."""
    found = folder.status_file.stat()
    return found.st_ino, found.st_mtime_ns


def test_says_at_once_who_works(folder: RunFolder, reporter: Reporter) -> None:
    found = status(folder)
    assert (found.state, found.pid) == ("starting", os.getpid())
    assert found.process_began == pytest.approx(psutil.Process().create_time())
    assert folder.running()


def test_steps_are_written_twice_a_second_at_most(folder: RunFolder, reporter: Reporter) -> None:
    reporter.stage("train", 1000, state="training", steps=1000)
    began, last, writes, steps = time.monotonic(), stamp(folder), 0, 0
    while (passed := time.monotonic() - began) < 1.8:
        steps += 1
        reporter.step(step=steps)
        writes += stamp(folder) != last
        last = stamp(folder)
        time.sleep(0.005)
    assert 2 <= writes <= passed / 0.5 + 1
    assert steps > 50
    assert status(folder).step > 0


def test_stages_and_ends_are_written_at_once(folder: RunFolder, reporter: Reporter) -> None:
    reporter.stage("check", 3, device="CPU")
    assert (status(folder).stage, status(folder).device) == ("check", "CPU")
    reporter.stage("train", 10, state="training", steps=10, step=0)
    assert (status(folder).stage, status(folder).state, status(folder).steps) == ("train", "training", 10)
    reporter.step(step=1)
    reporter.tell(epoch=1, best_dice=0.5)
    assert (status(folder).step, status(folder).epoch, status(folder).best_dice) == (1, 1, 0.5)
    reporter.stage("evaluate")
    assert status(folder).stage == "evaluate"
    reporter.finish("/some/bundle")
    found = status(folder)
    assert (found.state, found.fraction, found.remaining_s, found.bundle) == ("finished", 1.0, 0.0, "/some/bundle")


def test_fraction_and_remaining_time_come_from_the_steps(folder: RunFolder, reporter: Reporter) -> None:
    reporter.stage("train", 10, state="training", steps=10, step=4)
    for step in (5, 6):
        time.sleep(0.3)
        reporter.step(step=step)
    found = status(folder)
    assert found.fraction == pytest.approx(0.6)
    assert found.remaining_s == pytest.approx(0.3 * 4, rel=0.5)


@pytest.mark.parametrize(("request_", "error"), [("pause", Paused), ("cancel", Cancelled)])
def test_requests_are_obeyed_at_the_next_step(
    folder: RunFolder, reporter: Reporter, request_: Any, error: type[Cancelled]
) -> None:
    reporter.stage("train", 10, state="training", steps=10)
    reporter.step(step=1)
    assert not reporter.asked()
    folder.ask(request_)
    assert reporter.asked()
    with pytest.raises(error, match="resume") as told:
        reporter.step(step=2)
    assert type(told.value) is error
    assert str(folder.folder) in told.value.remedy
    assert not reporter.asked()
    reporter.step(step=3)  # taken once


def test_a_request_comes_from_another_process(folder: RunFolder, reporter: Reporter) -> None:
    reporter.stage("train", 10, state="training", steps=10)
    code = "import sys; from neosegdino.training.run_folder import RunFolder; RunFolder(sys.argv[1]).ask('pause')"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(folder.folder)], check=True, env=environment)
    with pytest.raises(Paused):
        reporter.step(step=1)


def test_a_request_to_an_earlier_worker_does_not_stop_this_one(folder: RunFolder) -> None:
    folder.ask("cancel")
    reporter = Reporter(folder, Progress())
    reporter.stage("train", 10, state="training", steps=10)
    reporter.step(step=1)
    assert not folder.request_file.exists()


def test_the_one_who_watches_the_progress_may_cancel(folder: RunFolder) -> None:
    reporter = Reporter(folder, Progress(cancelled=lambda: status(folder).stage == "train"))
    reporter.stage("check")
    assert not reporter.asked()
    with pytest.raises(Cancelled):
        reporter.stage("train")
    assert reporter.asked()


@pytest.mark.parametrize(
    ("error", "state", "message", "remedy"),
    [
        (Paused("Paused.", "Go on."), "paused", "Paused.", "Go on."),
        (Cancelled("Cancelled.", "After all."), "cancelled", "Cancelled.", "After all."),
        (VolumeError("a.nii is empty.", "Look at it."), "failed", "a.nii is empty.", "Look at it."),
        (TrainingError("No number."), "failed", "No number.", ""),
        (ValueError("odd"), "failed", "odd", ""),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt", ""),
    ],
)
def test_how_a_run_ended(
    folder: RunFolder, reporter: Reporter, error: BaseException, state: str, message: str, remedy: str
) -> None:
    reporter.stage("train", 10, state="training", steps=10)
    reporter.step(step=1)
    reporter.fail(error)
    found = status(folder)
    assert (found.state, found.message, found.remedy, found.remaining_s) == (state, message, remedy, None)
    assert (found.step, found.steps) == (1, 10)  # how far it came
    assert not folder.running()


def test_going_on_forgets_why_the_run_ended(folder: RunFolder, reporter: Reporter) -> None:
    reporter.fail(ValueError("odd"))
    Reporter(folder, Progress()).finish("bundle")
    assert (status(folder).message, status(folder).state) == ("", "finished")


def left_behind(folder: RunFolder, state: Any, **fields: Any) -> Status:
    """Status of a worker that is gone."""
    left = Status(state, 1, 1.0, stage="train", epoch=2, step=7, steps=20, fraction=0.35, best_dice=0.5, **fields)
    folder.write_status(left)
    return left


@pytest.mark.parametrize("state", ["paused", "cancelled", "training"])
def test_going_on_that_fails_before_it_has_begun_changes_nothing(folder: RunFolder, state: Any) -> None:
    left = left_behind(folder, state, message="Paused.")
    reporter = Reporter(folder, Progress())
    assert (status(folder).state, status(folder).step, status(folder).pid) == ("starting", 7, os.getpid())
    reporter.stage("check", 3, device="CPU")
    reporter.fail(VolumeError("a.nii is empty."))
    assert status(folder) == left


def test_going_on_that_fails_later_is_told(folder: RunFolder) -> None:
    left_behind(folder, "paused")
    reporter = Reporter(folder, Progress())
    reporter.stage("train", 20, state="training", steps=20, step=7)
    reporter.fail(TrainingError("No number."))
    assert (status(folder).state, status(folder).message, status(folder).step) == ("failed", "No number.", 7)


def test_a_run_that_fails_anew_says_the_new_reason_and_how_far_it_had_come(folder: RunFolder) -> None:
    left_behind(folder, "failed", message="old")
    Reporter(folder, Progress()).fail(VolumeError("new"))
    assert (status(folder).state, status(folder).message, status(folder).step) == ("failed", "new", 7)


def test_notes_are_kept_once_and_told(folder: RunFolder) -> None:
    events: list[Event] = []
    reporter = Reporter(folder, Progress(events.append))
    for message in ("first", "second", "first"):
        reporter.note(message)
    reporter.stage("check")
    assert status(folder).notes == ("first", "second")
    assert [event.message for event in events if isinstance(event, LogEvent)] == ["first", "second"]


def test_the_progress_hears_of_stages_and_steps(folder: RunFolder) -> None:
    events: list[Event] = []
    reporter = Reporter(folder, Progress(events.append))
    reporter.stage("check", 2)
    reporter.advance()
    reporter.stage("train", 2)
    reporter.step(step=1)
    reporter.stage("evaluate")
    reporter.stage("write")
    reporter.finish("bundle")
    told = [event for event in events if isinstance(event, ProgressEvent)]
    assert [event.stage for event in told] == ["check", "check", "train", "train", "evaluate", "write", "done"]
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions) and len(set(fractions)) >= 6 and fractions[-1] == 1


def test_other_ranks_write_nothing_and_take_no_request(folder: RunFolder) -> None:
    folder.ask("cancel")
    quiet = Reporter(folder, Progress(), active=False)
    quiet.stage("train", 2, state="training", steps=2)
    quiet.step(step=1)
    quiet.tell(epoch=1)
    quiet.fail(ValueError())
    assert not quiet.asked()
    assert [path.name for path in folder.folder.iterdir()] == ["request.txt"]


def test_a_folder_that_is_gone_is_an_output_error(folder: RunFolder, reporter: Reporter) -> None:
    folder.status_file.unlink()
    folder.folder.rmdir()
    with pytest.raises(OutputError, match=r"status\.json"):
        reporter.stage("check")
