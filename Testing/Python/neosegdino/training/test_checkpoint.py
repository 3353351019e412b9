from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from neosegdino.errors import OutputError, TrainingError
from neosegdino.training.checkpoint import read_checkpoint, write_checkpoint

CPU = torch.device("cpu")


def state(number: int = 1, size: int = 1000) -> dict[str, Any]:
    weights = torch.randn(size, generator=torch.Generator().manual_seed(number))
    return {"step": number, "losses": [0.5, 0.25], "best": None, "arms": {"weight": weights}, "points": "[]"}


def same(one: dict[str, Any] | None, other: dict[str, Any]) -> bool:
    assert one is not None
    plain = {name for name in other if name != "arms"}
    equal = torch.equal(one["arms"]["weight"], other["arms"]["weight"])
    return equal and all(one[name] == other[name] for name in plain) and one.keys() == other.keys()


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    assert read_checkpoint(path, CPU) is None
    for number in (1, 2):
        write_checkpoint(path, state(number))
        assert same(read_checkpoint(path, CPU), state(number))
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_an_optimisers_state_comes_back(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimiser.step()
    write_checkpoint(tmp_path / "c.pt", {"optimiser": optimiser.state_dict()})
    found = read_checkpoint(tmp_path / "c.pt", CPU)
    assert found is not None
    assert torch.equal(found["optimiser"]["state"][0]["exp_avg"], optimiser.state_dict()["state"][0]["exp_avg"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"some text\n", bytes(5000), b"\x80\x02}q\x00.", b"\x80\x02."])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt is damaged: .+") as told:
        read_checkpoint(path, CPU)
    assert told.value.remedy


def test_a_file_that_was_cut_off_anywhere_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, state())
    content = path.read_bytes()
    for end in (*range(1, len(content), 97), len(content) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(TrainingError, match="damaged"):
            read_checkpoint(path, CPU)


def test_a_changed_bit_is_never_taken_for_a_weight(tmp_path: Path) -> None:
    """Either it is noticed, or it is in a part of the file that says nothing."""
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, state())
    content, draw, noticed = path.read_bytes(), random.Random(0), 0
    weights = content.index(state()["arms"]["weight"].numpy().tobytes())
    places = [weights, weights + 1234, weights + 3999] + [draw.randrange(len(content)) for _ in range(300)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            assert same(read_checkpoint(path, CPU), state())
        except TrainingError as error:
            assert "damaged" in error.message
            noticed += 1
    assert noticed > len(places) / 2


class Code:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made-by-a-checkpoint",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"arms": Code()}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="damaged"):
        read_checkpoint(tmp_path / "checkpoint.pt", CPU)
    assert not (tmp_path / "made-by-a-checkpoint").exists()
    torch.load(tmp_path / "checkpoint.pt", weights_only=False)
    assert (tmp_path / "made-by-a-checkpoint").exists()  # it would have been


def test_other_things_than_a_state_are_refused(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="not a checkpoint"):
        read_checkpoint(tmp_path / "checkpoint.pt", CPU)


def test_a_folder_that_is_missing_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"):
        write_checkpoint(tmp_path / "absent" / "checkpoint.pt", state())


_FULL = """
import resource, signal, sys
from pathlib import Path
import torch
from neosegdino.errors import OutputError
from neosegdino.training.checkpoint import write_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_checkpoint(Path(sys.argv[1]), {"arms": torch.ones(1 << 20)})
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of processes are POSIX")
def test_a_write_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, state())
    process = start(_FULL, path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert f"Cannot write {path}" in out
    assert same(read_checkpoint(path, CPU), state())
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]


_ENDLESS = """
import sys
from pathlib import Path
import torch
from neosegdino.training.checkpoint import write_checkpoint
step = 0
while True:
    step += 1
    write_checkpoint(Path(sys.argv[1]), {"step": step, "arms": torch.full((2_000_000,), float(step))})
    if step == 1:
        print("going", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_a_killed_writer_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    path, draw, halves = tmp_path / "checkpoint.pt", random.Random(1), 0
    for _ in range(3):
        process = start(_ENDLESS, path)
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 20
        while not (half := list(tmp_path.glob(".neosegdino-*"))) and time.monotonic() < deadline:
            pass
        time.sleep(draw.uniform(0, 0.004))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        halves += bool(half)
        found = read_checkpoint(path, CPU)
        assert found is not None
        assert bool((found["arms"] == found["step"]).all())
    assert halves  # at least one was killed near or in a write
