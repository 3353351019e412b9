from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import ranks_work
import torch
from neosegdino.errors import DeviceError, TrainingError
from neosegdino.training import starter
from neosegdino.training.ranks import ALONE, joined
from ranks_work import COUNTS, MODES, TYPES, VICTIM

REPOSITORY = Path(__file__).parents[4]
FOLDERS = (REPOSITORY / "NeoSegDINO", Path(__file__).parent, Path(__file__).parents[1])
CLEAR = "Another process of the run ended"
BOUND_S = 20


@contextmanager
def torchrun(count: int, role: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Ranks at work; nothing of them outlives the block."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}", "--standalone"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, FOLDERS)), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, ranks_work.__file__, role, str(folder)],
            env=environment, stdout=log, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
            process.kill()
            process.wait()


def wait_for_text(path: Path, text: str, limit_s: float) -> str:
    """What a growing file holds once the text is in it."""
    end = time.monotonic() + limit_s
    while text not in (content := path.read_text()):
        assert time.monotonic() < end, content
        time.sleep(0.05)
    return content


@pytest.fixture(
    scope="module", params=[pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of 2 and of 3 ranks has after the same work."""
    folder = tmp_path_factory.mktemp("ranks")
    with torchrun(request.param, "compute", folder) as process:
        assert process.wait(120) == 0, (folder / "log").read_text()
    return [torch.load(folder / f"{number}.pt", weights_only=True) for number in range(request.param)]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", COUNTS)
def test_gradients_of_several_processes_equal_those_of_one(
    outcomes: list[dict[str, Any]], count: int, mode: str, kind: str
) -> None:
    expected = ranks_work.gradients(ALONE, count, mode, TYPES[kind])
    largest = max(float(g.abs().max()) for name, g in expected.items() if "outcome" not in name)
    tolerance = {"float64": 1e-12, "float32": 1e-5}[kind]
    assert largest > 1e-4
    for outcome in outcomes:
        found = outcome[f"{count} {mode} {kind}"]
        assert found.keys() == expected.keys(), "what no rank used has no gradient, as in one process"
        for name, tensor in expected.items():
            assert found[name].dtype == tensor.dtype
            assert (found[name] - tensor).abs().max() <= tolerance * max(largest, float(tensor.abs().max())), name


def test_all_ranks_have_the_same_bits(outcomes: list[dict[str, Any]]) -> None:
    first, *others = outcomes
    for other in others:
        for name, found in first.items():
            if isinstance(found, dict):
                assert all(torch.equal(other[name][key], tensor) for key, tensor in found.items()), name


def test_half_precision_is_gathered_and_the_first_rank_decides(outcomes: list[dict[str, Any]]) -> None:
    halves = torch.stack([torch.full((2,), 0.1 + position, dtype=torch.bfloat16) for position in range(4)])
    for outcome in outcomes:
        assert torch.equal(outcome["halves"], halves)
        assert outcome["agreed"] == ["stop", 0]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_train_a_stage_of_the_starter_as_one_does(count: int, tmp_path: Path, weights: Path) -> None:
    """The parts of every step are shared, uneven ones too; one logs and writes; what is drawn beside is each one's."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for folder in (alone, shared):
        folder.mkdir()
        shutil.copy(weights / "encoder.safetensors", folder)
        shutil.copy(weights / "arm.safetensors", folder)
    assert ranks_work.stage(ALONE, alone)
    with torchrun(count, "stage", shared) as process:
        assert process.wait(120) == 0, (shared / "log").read_text()
    assert sorted(path.name for path in shared.glob("log-*")) == ["log-0"]
    start, found, wanted = (
        starter.load_weights(path)
        for path in (weights / "arm.safetensors", *(folder / "lenient.safetensors" for folder in (shared, alone)))
    )
    assert any((wanted[name] - start[name]).abs().max() > 1e-3 for name in wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, atol=2e-4, rtol=2e-3)
    assert torch.load(shared / "lenient.checkpoint")["step"] == 4
    drawn = [tuple(torch.load(path).tolist()) for path in shared.glob("drawn-*.pt")]
    assert len(set(drawn)) == count


@pytest.mark.parametrize("role", ["killed", "killed while the others compute"])
def test_a_killed_rank_ends_the_run_with_a_clear_error(tmp_path: Path, role: str) -> None:
    with torchrun(3, role, tmp_path) as process:
        wait_for_text(tmp_path / "log", CLEAR, 60)
        code = process.wait(BOUND_S)
    log = (tmp_path / "log").read_text()
    assert code != 0
    for rank in (0, 2):
        assert f"rank {rank}: {CLEAR}" in log
    assert log.count("go on where the run was (finetune: --resume)") == 2
    assert re.search(r"exitcode\s*: -9", log), log


def test_a_rank_that_hangs_ends_the_run_after_the_timeout(tmp_path: Path) -> None:
    with torchrun(2, "stopped", tmp_path) as process:
        log = wait_for_text(tmp_path / "log", CLEAR, 60)
        os.kill(int((tmp_path / f"{VICTIM}.pid").read_text()), signal.SIGKILL)  # torchrun would wait for 30 s
        assert process.wait(BOUND_S) != 0
    assert f"rank 0: {CLEAR}" in log


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with joined() as ranks:
        assert ranks is ALONE
        assert signal.getsignal(signal.SIGTERM) is before
        assert not torch.distributed.is_initialized()
    assert ALONE.first
    assert list(ALONE.mine(3)) == [0, 1, 2]
    assert ALONE.agree("x") == "x"
    window = torch.rand(2)
    assert torch.equal(ALONE.gather([window], 1)[0], window)
    assert ALONE.share(window) is window


def test_one_process_of_torchrun_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 0, 1)
    with joined() as ranks:
        assert ranks is ALONE


@pytest.mark.parametrize("device", ["cuda:0", "mps"])
def test_one_device_cannot_be_shared(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    as_rank(monkeypatch, 1, 2)
    with pytest.raises(DeviceError, match="a GPU of its own"), joined(device):
        pass


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 1, 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match=r"more processes than this machine has GPUs \(1\)"), joined("cuda"):
        pass


def test_ranks_that_never_come(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
    as_rank(monkeypatch, 1, 2)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(unused_port))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(TrainingError, match=CLEAR), joined("cpu", ranks_work.SILENCE):
            pass
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_rank(monkeypatch: pytest.MonkeyPatch, number: int, count: int) -> None:
    """Set the environment of torchrun."""
    for name, value in {"RANK": number, "WORLD_SIZE": count, "LOCAL_RANK": number}.items():
        monkeypatch.setenv(name, str(value))
