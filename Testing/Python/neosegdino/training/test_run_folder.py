from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from neosegdino.cases.case import Case
from neosegdino.errors import TrainingError
from neosegdino.folders import HOST
from neosegdino.training.run_folder import CurvePoint, Plan, PlannedCase, RunFolder, Status
from neosegdino.training.settings import FinetuneSettings

POINTS = [CurvePoint(1, 4, 5e-4, 1.25, None, None, None), CurvePoint(2, 8, 4e-4, 0.5, 0.75, 0.5, None)]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(str(tmp_path))


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this test's own that waits to be killed."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def status_of(process: psutil.Process, state: Any = "training", **changes: Any) -> Status:
    status = Status(state, process.pid, process.create_time())
    return msgspec.structs.replace(status, **changes)


def test_plan_status_and_curves_come_back(folder: RunFolder) -> None:
    case = PlannedCase(Case("é", "/a b/image.nii", "labels.nii", "s", (1, 3), (2,)), "a" * 64, "b" * 64)
    plan = Plan(FinetuneSettings(counts=(1, 2, 3), decoder_options={"channels": [4]}), (case,), (), "base", "c", ("d",))
    status = Status("failed", 1, 2.5, best_dice=0.5, notes=("one", "two"), message="why")
    folder.write_plan(plan)
    folder.write_status(status)
    folder.write_curves(POINTS)
    again = RunFolder(folder.folder)
    assert (again.read_plan(), again.read_status(), again.read_curves()) == (plan, status, POINTS)
    assert {path.name for path in folder.folder.iterdir()} == {"run.json", "status.json", "curves.json"}


def test_an_empty_folder_has_no_run(folder: RunFolder) -> None:
    assert (folder.read_status(), folder.read_curves(), folder.take_request(), folder.running()) == (
        None,
        [],
        None,
        False,
    )
    with pytest.raises(TrainingError, match=r"holds no fine-tuning run: it has no run\.json"):
        folder.read_plan()


@pytest.mark.parametrize("content", [b"", b"{", b'{"state": "\xff"}', b"[]", b'{"state": "asleep"}', b"\x00" * 40])
@pytest.mark.parametrize("name", ["run.json", "status.json", "curves.json"])
def test_a_damaged_file_is_named(folder: RunFolder, name: str, content: bytes) -> None:
    if (name, content) == ("curves.json", b"[]"):
        return  # no epoch yet
    (folder.folder / name).write_bytes(content)
    read = {"run.json": folder.read_plan, "status.json": folder.read_status, "curves.json": folder.read_curves}
    with pytest.raises(TrainingError, match=rf"{name} cannot be read") as told:
        read[name]()
    assert told.value.remedy


def test_requests_are_taken_once_and_the_last_one_counts(folder: RunFolder) -> None:
    folder.ask("pause")
    assert folder.take_request() == "pause"
    assert folder.take_request() is None
    folder.ask("pause")
    folder.ask("cancel")
    assert folder.take_request() == "cancel"
    assert not folder.request_file.exists()


def test_who_watches_never_reads_half_a_status(folder: RunFolder) -> None:
    code = """
import sys
from neosegdino.training.run_folder import RunFolder, Status
folder = RunFolder(sys.argv[1])
for number in range(1500):
    folder.write_status(Status("training", 1, 1.0, step=number, notes=("x" * (number % 7) * 1000,)))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    writer = subprocess.Popen([sys.executable, "-c", code, str(folder.folder)], env=environment)
    seen = set()
    while writer.poll() is None:
        if (status := folder.read_status()) is not None:
            assert len(status.notes[0]) == status.step % 7 * 1000
            seen.add(status.step)
    assert writer.returncode == 0
    assert len(seen) > 5


@pytest.mark.parametrize("state", ["starting", "training"])
def test_a_live_worker_runs(folder: RunFolder, worker: subprocess.Popen[bytes], state: str) -> None:
    folder.write_status(status_of(psutil.Process(worker.pid), state))
    assert folder.running()


@pytest.mark.parametrize("state", ["paused", "cancelled", "failed", "finished"])
def test_a_worker_that_ended_its_run_does_not(folder: RunFolder, worker: subprocess.Popen[bytes], state: str) -> None:
    folder.write_status(status_of(psutil.Process(worker.pid), state))
    assert not folder.running()


def test_a_killed_worker_does_not(folder: RunFolder, worker: subprocess.Popen[bytes]) -> None:
    folder.write_status(status_of(psutil.Process(worker.pid)))
    worker.kill()
    worker.wait()
    assert not folder.running()


def test_a_killed_worker_that_nobody_has_asked_about_does_not(
    folder: RunFolder, worker: subprocess.Popen[bytes]
) -> None:
    """As long as its parent does not ask how it ended, its number is taken."""
    folder.write_status(status_of(psutil.Process(worker.pid)))
    worker.kill()
    deadline = time.monotonic() + 20
    while folder.running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.running()


def test_another_process_of_the_same_number_is_not_the_worker(
    folder: RunFolder, worker: subprocess.Popen[bytes]
) -> None:
    process = psutil.Process(worker.pid)
    folder.write_status(status_of(process, process_began=process.create_time() - 60))
    assert not folder.running()
    folder.write_status(status_of(process, process_began=process.create_time() + 60))
    assert not folder.running()


def test_leftovers_of_a_killed_worker_go_but_not_what_is_being_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.features.mkdir()
    old, fresh = folder.features / ".neosegdino-1.safetensors", tmp_path / ".neosegdino-2.json"
    for path in (old, fresh, folder.curves_file):
        path.write_text("[]")
    os.utime(old, (1, 1))
    os.utime(folder.curves_file, (1, 1))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    copies = [folder.bundles / f".neosegdino-{HOST}-{pid}-{'0' * 16}" for pid in (gone.pid, os.getpid())]
    for copy in copies:
        (copy / "bundle").mkdir(parents=True)
    folder.remove_leftovers()
    assert [copy.exists() for copy in copies] == [False, True]
    assert not old.exists()
    assert fresh.exists() and folder.curves_file.exists()
