from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from neosegdino.cases.table import write_table
from neosegdino.training.run_folder import RunFolder, Status
from safetensors.torch import load_file

sys.path.append(str(Path(__file__).parents[1] / "neosegdino" / "training"))
from tiny_bundle import make_tiny_bundle
from training_cases import make_cases

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[[list[str]], "subprocess.Popen[bytes]"]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")]
LIMITED = Path(__file__).with_name("limited.py")
QUICK = ["--window", "24,16,16", "--views", "2", "--rate", "3e-3", "--device", "cpu", "--progress", "none"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle, three cases and their table."""
    folder = tmp_path_factory.mktemp("material ä")
    make_tiny_bundle(folder / "tiny")
    write_table(folder / "cases.csv", make_cases(folder / "cases", 3))
    return folder


@pytest.fixture
def arguments(folder: Path) -> Callable[..., list[str]]:
    """Return a maker of the command's arguments."""

    def make(out: Path, *more: object) -> list[str]:
        own = ["finetune", folder / "cases.csv", "--out", out, "--bundle", folder / "tiny", *QUICK]
        return [str(part) for part in (*own, *more)]

    return make


def status(run: Path) -> Status:
    found = RunFolder(run).read_status()
    assert found is not None
    return found


def decoder(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "bundle" / "fine-tuned" / "decoder.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def wait_for_step(run: Path, step: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    folder = RunFolder(run)
    while process.poll() is None and time.monotonic() < until:
        if (found := folder.read_status()) is not None and found.step >= step and found.pid == process.pid:
            return
        time.sleep(0.02)
    assert process.poll() is not None, f"step {step} was not reached in time"


def test_a_run_from_cases_to_a_result(folder: Path, neosegdino_command: Run, arguments: object, tmp_path: Path) -> None:
    run = tmp_path / "run"
    made = neosegdino_command(*arguments(run, "--epochs", 2, "--validation", 0.3, "--name", "mine"))  # type: ignore[operator]
    assert made.returncode == 0, made.stderr
    assert str(run / "bundle" / "mine") in made.stdout
    installed = neosegdino_command("models", "install", run / "bundle" / "mine")
    assert installed.returncode == 0, installed.stderr
    out = tmp_path / "results"
    segmented = neosegdino_command("segment", folder / "cases" / "case0.nii", "--bundle", "mine", "--out", out)
    assert segmented.returncode == 0, segmented.stderr
    assert (out / "case0_hippocampus.nii.gz").is_file()


def test_estimate_trains_nothing(neosegdino_command: Run, arguments: object, tmp_path: Path) -> None:
    told = neosegdino_command(*arguments(tmp_path / "run", "--estimate", "--json", "--validation", 0.3))  # type: ignore[operator]
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["training_cases"], found["validation_cases"]) == (2, 1)
    assert found["seconds"] > 0 and found["memory_bytes"] > 1e7 and found["feature_bytes"] > 0
    assert not (tmp_path / "run").exists()


def test_a_bad_case_stops_the_start_unless_it_is_left_out(
    folder: Path, neosegdino_command: Run, arguments: object, tmp_path: Path
) -> None:
    cases = make_cases(tmp_path / "own", 3)
    Path(cases[1].labels).write_bytes(b"no image")
    write_table(tmp_path / "own.csv", cases)
    own = arguments(tmp_path / "run", "--epochs", 1, "--validation", 0)  # type: ignore[operator]
    own[1] = str(tmp_path / "own.csv")
    refused = neosegdino_command(*own)
    assert refused.returncode == 9
    assert "case1" in refused.stderr and "--leave-out-bad" in refused.stderr
    assert not (tmp_path / "run").exists()
    trained = neosegdino_command(*own, "--leave-out-bad")
    assert trained.returncode == 0, trained.stderr
    assert "Left out: case1" in trained.stderr
    assert RunFolder(tmp_path / "run").read_plan().left_out == ("case1",)


def test_killed_again_and_again_it_ends_with_the_same_weights(
    neosegdino_command: Run, started: Start, arguments: object, tmp_path: Path
) -> None:
    options = ("--epochs", 9, "--validation", 0)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert neosegdino_command(*arguments(whole, *options)).returncode == 0  # type: ignore[operator]
    command = [sys.executable, "-m", "neosegdino"]
    draw, kills = random.Random(5), 0
    next_kill = 2
    while True:
        more = ["finetune", "--resume", str(killed), "--device", "cpu", "--progress", "none"]
        own = more if kills else arguments(killed, *options)  # type: ignore[operator]
        process = started([*command, *own])
        if kills == 3:
            assert process.wait(120) == 0
            break
        wait_for_step(killed, next_kill, process)
        time.sleep(draw.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        kills += 1
        next_kill += draw.randint(3, 7)
        assert not RunFolder(killed).running()
        assert not [path for path in killed.iterdir() if path.name.startswith(".neosegdino") and path.is_dir()]
    assert status(killed).state == "finished"
    assert same(decoder(whole), decoder(killed))
    assert RunFolder(whole).read_curves() == RunFolder(killed).read_curves()


def test_pause_and_the_end_by_a_signal(started: Start, arguments: object, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "neosegdino"]
    process = started([*command, *arguments(run, "--epochs", 4000, "--validation", 0)])  # type: ignore[operator]
    wait_for_step(run, 2, process)
    assert RunFolder(run).running()
    RunFolder(run).ask("pause")
    assert process.wait(30) == 0
    assert status(run).state == "paused"
    before = status(run).step
    process = started([*command, "finetune", "--resume", str(run), "--progress", "none"])
    wait_for_step(run, before + 2, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    assert status(run).state == "cancelled"
    assert status(run).step > before


def test_a_full_disk_ends_the_run_and_keeps_the_last_checkpoint(
    neosegdino_command: Run, environment: dict[str, str], arguments: object, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    stem = ["--decoder", "stem", "--epochs", 2, "--validation", 0]
    small = [sys.executable, str(LIMITED), "file-size", "15000", *arguments(run, *stem)]  # type: ignore[operator]
    ended = subprocess.run(small, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 7, ended.stderr
    assert "Cannot write" in ended.stderr and "free space" in ended.stderr
    found = status(run)
    assert found.state == "failed" and "checkpoint" in found.message
    assert any("no longer cached" in note for note in found.notes)  # a cache that is full is done without
    assert not [path.name for path in run.rglob(".neosegdino*")]
    again = neosegdino_command("finetune", "--resume", run, "--progress", "none")
    assert again.returncode == 0, again.stderr


def test_too_little_memory_is_told(environment: dict[str, str], arguments: object, tmp_path: Path) -> None:
    run = tmp_path / "run"
    stem = ["--decoder", "stem", "--epochs", 2, "--validation", 0, "--window", "128,128,128"]
    small = [sys.executable, str(LIMITED), "memory", "1500000000", *arguments(run, *stem)]  # type: ignore[operator]
    ended = subprocess.run(small, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert ended.returncode == 6, ended.stderr
    assert "memory" in ended.stderr and "--window" in ended.stderr
    assert status(run).state == "failed"


def test_several_processes_and_a_checkpoint_that_moves_between_counts(
    environment: dict[str, str], started: Start, neosegdino_command: Run, arguments: object, tmp_path: Path
) -> None:
    options = ("--windows", "all", "--counts", "3,1,1", "--window", "8,16,16", "--epochs", 6, "--validation", 0)
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert neosegdino_command(*arguments(alone, *options)).returncode == 0  # type: ignore[operator]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    first = started([*torchrun, "-m", "neosegdino", *arguments(together, *options)])  # type: ignore[operator]
    until = time.monotonic() + 120
    while time.monotonic() < until and first.poll() is None:
        found = RunFolder(together).read_status()
        if found is not None and found.step >= 4:
            break
        time.sleep(0.02)
    RunFolder(together).ask("pause")
    assert first.wait(120) == 0, first.stderr and first.stderr.read().decode()
    assert status(together).state == "paused"
    again = neosegdino_command("finetune", "--resume", together, "--device", "cpu", "--progress", "none")
    assert again.returncode == 0, again.stderr
    one, other = decoder(alone), decoder(together)
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-4)


def test_a_process_that_dies_ends_all_and_leaves_a_checkpoint(
    started: Start, neosegdino_command: Run, arguments: object, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ("--windows", "all", "--counts", "3,1,1", "--window", "8,16,16", "--epochs", 40, "--validation", 0)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    started_run = started([*torchrun, "-m", "neosegdino", *arguments(run, *options)])  # type: ignore[operator]
    until = time.monotonic() + 120
    while time.monotonic() < until and ((found := RunFolder(run).read_status()) is None or found.step < 4):
        assert started_run.poll() is None
        time.sleep(0.02)
    workers = [child for child in psutil.Process(started_run.pid).children() if "neosegdino" in child.cmdline()]
    (second,) = [child for child in workers if child.pid != status(run).pid]
    second.kill()
    assert started_run.wait(60) != 0
    found, error = status(run), started_run.communicate()[1].decode()
    told = found.message if found.state == "failed" else error  # one that had to be ended by force reports no more
    assert "Another process of the run ended" in told, error
    again = neosegdino_command("finetune", "--resume", run, "--device", "cpu", "--progress", "none", timeout=240)
    assert again.returncode == 0, again.stderr
