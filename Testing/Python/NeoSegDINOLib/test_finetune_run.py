"""A run from start to end with real worker processes, real requests and real kills."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from module_samples.leaks import gone
from neosegdino.cases.case import Case
from neosegdino.errors import CaseError, TrainingError
from neosegdino.training.settings import FinetuneSettings
from NeoSegDINOLib import detached, remembered_run
from NeoSegDINOLib.case_list import write_table
from NeoSegDINOLib.finetune_run import FinetuneRun, run_in


@pytest.fixture
def folder(tmp_path) -> Path:
    """Folder of a run, with a blank and other letters in its name."""
    return tmp_path / "L\u00e4ufe des Jahres" / "run 1"


@pytest.fixture
def table(folder) -> Path:
    cases = [Case(name, f"/data/{name}.nii.gz", f"/data/{name}_labels.nii.gz", name) for name in ("a", "b")]
    return write_table(folder, cases)


@pytest.fixture
def started(fake_finetune, folder, table, slicer_scene):
    """Start a run and wait until it is in a state."""

    def start(how: str, state: str = "training", on_change=None) -> FinetuneRun:
        fake_finetune(how)
        run = FinetuneRun(folder, on_change)
        run.start(table, FinetuneSettings(name="mine"))
        slicer_scene.wait_for(lambda: run.state == state and (state != "training" or run.status.epoch))
        return run

    return start


def test_a_run_to_its_end(started):
    states = []
    run = started("works", "finished", lambda run: states.append(run.state))
    assert states[0] == "starting"
    assert states[-1] == "finished"
    assert "training" in states
    assert run.bundle == run.folder / "bundle" / "mine"
    assert len(run.curves()) == 3
    assert not run.working
    assert "--name mine --progress none" in run.log


def test_the_state_starting_is_told_before_the_worker_has_said_anything(started):
    run = started("waits", "starting")
    assert run.working
    run.cancel()


def test_pause_and_resume(started, fake_finetune, slicer_scene):
    run = started("waits")
    pid = run.status.pid
    run.pause()
    assert run.state == "pausing"
    slicer_scene.wait_for(lambda: run.state == "paused")
    slicer_scene.wait_for(lambda: gone(pid))
    fake_finetune("works")
    run.resume()
    assert run.state == "starting"
    slicer_scene.wait_for(lambda: run.state == "finished")
    assert run.status.pid != pid
    assert [point.epoch for point in run.curves()] == [1, 2, 3]


def test_cancel_is_obeyed_and_can_be_taken_back(started, fake_finetune, slicer_scene):
    run = started("waits")
    run.cancel()
    slicer_scene.wait_for(lambda: run.state == "cancelled", 2.0)
    fake_finetune("works")
    run.resume()
    slicer_scene.wait_for(lambda: run.state == "finished")


def test_a_worker_that_does_not_obey_is_killed_with_its_children_within_two_seconds(started, slicer_scene):
    run = started("deaf")
    pids = [run.status.pid, int((run.folder / "child.txt").read_text())]
    before = time.monotonic()
    run.cancel()
    slicer_scene.wait_for(lambda: run.state == "cancelled" and all(gone(pid) for pid in pids))
    assert time.monotonic() - before < 2.5
    assert run.files.read_status().state == "cancelled"
    assert not run.files.request_file.exists()
    assert run.resumable


def test_cancel_before_the_worker_has_said_anything(fake_finetune, folder, table, slicer_scene, monkeypatch):
    fake_finetune("waits")
    sleeper = "import time; time.sleep(600)"
    monkeypatch.setattr("NeoSegDINOLib.process.worker_program", lambda: [sys.executable, "-c", sleeper])
    run = FinetuneRun(folder)
    run.start(table, FinetuneSettings())
    run.cancel()
    slicer_scene.wait_for(lambda: run.state == "cancelled", 3.0)
    assert not run.there
    worker = detached._started[-1]
    slicer_scene.wait_for(lambda: worker.poll() is not None or gone(worker.pid), 3.0)


def test_a_worker_that_was_killed_is_an_interrupted_run(started, fake_finetune, slicer_scene):
    run = started("waits")
    os.kill(run.status.pid, signal.SIGKILL)
    slicer_scene.wait_for(lambda: run.state == "interrupted")
    assert run.resumable
    fake_finetune("works")
    run.resume()
    slicer_scene.wait_for(lambda: run.state == "finished")


def test_a_failed_run_says_why(started):
    run = started("fails", "failed")
    assert (run.error.message, run.error.remedy) == ("The loss is not a number.", "Lower the learning rate.")
    assert "Traceback: the loss" in run.log
    assert run.resumable


def test_a_worker_that_refuses_before_there_is_a_run(started):
    run = started("refuses", "failed")
    assert isinstance(run.error, CaseError)
    assert (run.error.message, run.error.remedy) == ("Case a is bad.", "Leave it out.")
    assert not run.there


def test_a_worker_that_crashes_before_there_is_a_run(started):
    run = started("crashes", "failed")
    assert "RuntimeError: the tensor has a bad day: \u00fc" in run.error.message
    assert not run.resumable


def test_a_folder_that_is_removed_in_mid_run_is_told(started, folder, slicer_scene):
    run = started("waits")
    shutil.rmtree(folder)
    slicer_scene.wait_for(lambda: run.state == "failed")
    assert "log.txt" in run.error.message
    assert "Bring the folder of the run back" in run.error.remedy


def test_an_error_of_an_earlier_start_is_not_told_again(started, fake_finetune, table, slicer_scene):
    run = started("refuses", "failed")
    fake_finetune("crashes")
    run.start(table, FinetuneSettings())
    slicer_scene.wait_for(lambda: run.state == "failed")
    assert "bad day" in run.error.message


class TestOneAtATime:
    def test_in_one_folder(self, started, table):
        started("waits")
        other = FinetuneRun(table.parent.parent)
        with pytest.raises(TrainingError, match="is at work"):
            other.start(table, FinetuneSettings())
        with pytest.raises(TrainingError, match="is at work"):
            other.resume()

    def test_in_two_folders(self, started, table, tmp_path):
        started("waits")
        with pytest.raises(TrainingError, match="run 1"):
            FinetuneRun(tmp_path / "other").start(table, FinetuneSettings())
        assert not (tmp_path / "other").exists()

    def test_a_folder_takes_one_run(self, started, table, slicer_scene):
        run = started("works", "finished")
        with pytest.raises(TrainingError, match="holds a run already"):
            run.start(table, FinetuneSettings())
        with pytest.raises(TrainingError, match="nothing to go on with"):
            run.resume()


OTHER_SLICER = """
import sys
from pathlib import Path
import rig
session = rig.boot()
from NeoSegDINOLib import process
from NeoSegDINOLib.finetune_run import FinetuneRun
from neosegdino.training.settings import FinetuneSettings
process.worker_program = lambda: [sys.executable, sys.argv[3]]
run = FinetuneRun(Path(sys.argv[1]))
run.start(Path(sys.argv[2]), FinetuneSettings())
session.wait_for(lambda: run.state == "training" and run.status.epoch)
import os
os._exit(0)
"""


def test_a_run_of_another_slicer_is_found_steered_and_killed(fake_finetune, folder, table, slicer_scene):
    """The application that started the run dies without a word; its worker goes on."""
    fake_finetune("deaf")
    from module_samples.fixtures import FAKE_FINETUNE

    script = [sys.executable, "-c", OTHER_SLICER, str(folder), str(table), str(FAKE_FINETUNE)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(script, env=environment, timeout=120, check=False).returncode == 0
    run = run_in(folder)
    run.follow()
    assert run.state == "training"
    pid = run.status.pid
    assert not gone(pid)
    run.cancel()
    slicer_scene.wait_for(lambda: run.state == "cancelled" and gone(pid), 3.0)


def test_another_process_of_the_same_number_is_not_the_worker(started, slicer_scene):
    import msgspec

    run = started("works", "finished")
    status = msgspec.structs.replace(run.status, state="training", pid=os.getpid(), process_began=1.0)
    run.files.write_status(status)
    run.poll()
    assert run.state == "interrupted"
    run.cancel()
    assert psutil.pid_exists(os.getpid())


def test_a_file_that_is_damaged_for_good_is_told(started, slicer_scene, monkeypatch):
    run = started("works", "finished")
    run.files.status_file.write_text("{")
    run.poll()
    assert run.state == "finished"
    monkeypatch.setattr("NeoSegDINOLib.finetune_run.UNREADABLE_S", 0.0)
    run.poll()
    assert run.state == "failed"
    assert "status.json cannot be read" in str(run.error)


def test_a_finished_run_that_was_moved_gives_its_model(started, tmp_path):
    run = started("works", "finished")
    run.folder.rename(tmp_path / "archive")
    assert run_in(tmp_path / "archive").bundle == tmp_path / "archive" / "bundle" / "mine"


def test_no_run_is_found_where_there_is_none(tmp_path):
    assert run_in(tmp_path) is None


def test_the_latest_run_is_remembered(started):
    run = started("works", "finished")
    assert remembered_run.remembered() == run.folder
    remembered_run.forget()
    assert remembered_run.remembered() is None


def test_waiting_in_the_console(started, fake_finetune, slicer_scene):
    run = started("waits")
    run.pause()
    slicer_scene.wait_for(lambda: run.state == "paused")
    with pytest.raises(Exception, match="Paused"):
        run.wait()
    fake_finetune("works")
    run.resume()
    assert run.wait() == str(run.folder / "bundle" / "mine")


def test_a_folder_that_cannot_be_made(fake_finetune, tmp_path, table):
    from neosegdino.errors import OutputError

    (tmp_path / "file").write_text("")
    run = FinetuneRun(tmp_path / "file" / "run")
    with pytest.raises(OutputError):
        run.start(table, FinetuneSettings())
    assert run.state == "none"
