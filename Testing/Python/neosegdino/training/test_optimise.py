from __future__ import annotations

import itertools
import math
import multiprocessing
import signal
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from neosegdino.errors import TrainingError
from neosegdino.training import optimise as module
from neosegdino.training.optimise import SETTLING, Schedule, TimedSchedule, optimise
from neosegdino.training.ranks import Ranks
from torch import Tensor, nn


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 1))
        self.fixed = nn.Parameter(torch.ones(3), requires_grad=False)

    def loss(self, step: int) -> Tensor:
        draw = torch.Generator().manual_seed(step)
        x = torch.randn(16, 5, generator=draw)
        value: Tensor = (self.layers(x)[:, 0] - x.sum(1)).square().mean()
        return value


@pytest.fixture
def one_second_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second at every look: a limit of n seconds ends a run after n - 1 steps."""
    ticks = itertools.count()

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return float(next(ticks))

    monkeypatch.setattr(module, "time", Clock)


def test_rate_rises_to_its_height_and_falls_to_zero() -> None:
    schedule = Schedule(steps=100, rate=2.0, warmup=10)
    rates = [schedule.rate_at(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == pytest.approx(2.0, rel=0.03)
    assert rates.index(max(rates)) == 9
    assert all(b < a for a, b in pairwise(rates[9:]))
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_training_lowers_the_loss_and_leaves_frozen_parameters(tmp_path: Path) -> None:
    line = Line()
    lines: list[str] = []
    assert optimise(line, line.loss, Schedule(300, 0.03, warmup=10), tmp_path / "c.checkpoint", lines.append)
    assert line.loss(999) < 0.1 * Line().loss(999)
    assert line.fixed.tolist() == [1, 1, 1]
    assert [text.split(" loss")[0] for text in lines[:3]] == ["step 100", "step 200", "step 300"]
    assert lines[3].startswith("300 steps in ")
    assert len(lines) == 4


def run_in_pieces(checkpoint: Path, limits: Sequence[float], random: bool = False) -> tuple[Line, list[int]]:
    """Train in several processes' worth of pieces, each from the initial weights and another random state."""
    seen: list[int] = []
    for number, limit in enumerate(limits):
        line = Line()
        torch.manual_seed(0 if number == 0 else 100 + number)

        def loss(step: int, line: Line = line) -> Tensor:
            seen.append(step)
            return line.loss(step) * (torch.rand(()) if random else 1)

        done = optimise(line, loss, Schedule(40, 0.05, warmup=10), checkpoint, print, limit)
        assert done is (limit == math.inf)
    return line, seen


@pytest.mark.usefixtures("one_second_a_step")
@pytest.mark.parametrize("random", [False, True], ids=["plain", "with random numbers"])
@pytest.mark.parametrize("limits", [[8], [2, 30, 3]], ids=str)
def test_a_run_in_pieces_equals_an_uninterrupted_one(tmp_path: Path, limits: list[float], random: bool) -> None:
    whole, _ = run_in_pieces(tmp_path / "whole.checkpoint", [math.inf], random)
    pieces, seen = run_in_pieces(tmp_path / "pieces.checkpoint", [*limits, math.inf], random)
    assert seen == list(range(40))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, pieces.state_dict()[name]), name


def test_the_loss_of_a_step_is_the_mean_of_its_parts(tmp_path: Path) -> None:
    """Three parts of a step are numbered on; one loss that is their mean leads to the same weights."""
    parted, whole = Line(), Line()
    seen: list[int] = []

    def loss(number: int) -> Tensor:
        seen.append(number)
        return parted.loss(number)

    schedule = Schedule(4, 0.05, warmup=1)
    lines: list[str] = []
    assert optimise(parted, loss, schedule, tmp_path / "parted.checkpoint", lines.append, parts=3)
    assert seen == list(range(12))

    def mean(step: int) -> Tensor:
        return torch.stack([whole.loss(3 * step + part) for part in range(3)]).mean()

    assert optimise(whole, mean, schedule, tmp_path / "whole.checkpoint", lines.append)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parted.state_dict()[name], value)
    losses = [line.split("loss ")[1].split(";")[0] for line in lines]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("schedule", "parts", "message"),
    [
        (Schedule(4, 0.05), 3, "4 processes cannot share a step of 3 parts"),
        (Schedule(4, 0.05), 1, r"4 processes cannot share a step of 1 part\."),
        (TimedSchedule(0, 0.05, seconds=9), 4, "cannot train for so many seconds"),
    ],
)
def test_what_several_processes_cannot_share_is_refused(
    tmp_path: Path, schedule: Schedule, parts: int, message: str
) -> None:
    line = Line()
    with pytest.raises(TrainingError, match=message):
        optimise(line, line.loss, schedule, tmp_path / "c.checkpoint", print, parts=parts, ranks=Ranks(2, 4))
    assert not list(tmp_path.iterdir())


def run_slowly(checkpoint: Path) -> None:
    """In a process of its own: a run that writes checkpoints all the time and takes seconds."""
    module.CHECKPOINT_S = 0.1
    line = Line()
    torch.manual_seed(0)

    def loss(step: int) -> Tensor:
        time.sleep(0.1)
        return line.loss(step) * torch.rand(())

    optimise(line, loss, Schedule(40, 0.05, warmup=10), checkpoint, print)


def test_a_run_that_is_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    whole, _ = run_in_pieces(tmp_path / "whole.checkpoint", [math.inf], random=True)
    checkpoint = tmp_path / "killed.checkpoint"
    process = multiprocessing.get_context("spawn").Process(target=run_slowly, args=(checkpoint,))
    process.start()
    while not checkpoint.exists() and process.is_alive():
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    again, seen = run_in_pieces(checkpoint, [math.inf], random=True)
    assert 0 < seen[0] < 40
    assert seen == list(range(seen[0], 40))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


@pytest.mark.usefixtures("one_second_a_step")
def test_a_timed_run_ends_with_its_time_wherever_it_was_stopped(tmp_path: Path) -> None:
    schedule = TimedSchedule(1, 0.05, warmup=1, seconds=60)
    assert schedule.rate_at(999, 30) == pytest.approx(0.025)
    line, lines, counts = Line(), list[str](), []
    for limit in (40, math.inf, math.inf):
        counts.append(0)

        def loss(step: int) -> Tensor:
            counts[-1] += 1
            return line.loss(step)

        done = optimise(line, loss, schedule, tmp_path / "c.checkpoint", lines.append, limit)
        assert done is (limit == math.inf)
    assert counts[0] > SETTLING
    assert SETTLING < counts[1] < 60
    assert counts[2] == 0
    first, second = (float(text.split(" in ")[1].split(" s,")[0]) for text in lines)
    assert 0 < first < 60 <= second < 65, "a run that goes on goes on on the curve"


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    line = Line()
    schedule = Schedule(5, 0.05, warmup=1)
    optimise(line, line.loss, schedule, tmp_path / "c.checkpoint", print)
    before = {name: value.clone() for name, value in line.state_dict().items()}
    calls: list[int] = []

    def loss(step: int) -> Tensor:
        calls.append(step)
        return line.loss(step)

    assert optimise(line, loss, schedule, tmp_path / "c.checkpoint", print)
    assert calls == []
    assert all(torch.equal(before[name], value) for name, value in line.state_dict().items())


def test_a_checkpoint_of_another_training_is_named(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.checkpoint"
    torch.save({"step": 3}, checkpoint)
    with pytest.raises(TrainingError, match=r"c\.checkpoint is not one of this training: 'seconds'"):
        optimise(Line(), Line().loss, Schedule(5, 0.05), checkpoint, print)


@pytest.mark.parametrize("states", [0, 2])
def test_a_checkpoint_with_other_random_numbers_is_refused(tmp_path: Path, states: int) -> None:
    """Such as one of a GPU, or of a release that kept more of them."""
    line, checkpoint = Line(), tmp_path / "c.checkpoint"
    optimise(line, line.loss, Schedule(3, 0.05, warmup=1), checkpoint, print)
    state = torch.load(checkpoint)
    torch.save(state | {"random": [torch.get_rng_state()] * states}, checkpoint)
    with pytest.raises(TrainingError, match=r"c\.checkpoint is not one of this training"):
        optimise(line, line.loss, Schedule(6, 0.05, warmup=1), checkpoint, print)


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    checkpoint = tmp_path / "run.checkpoint"
    optimise(line, line.loss, Schedule(3, 0.05, warmup=1), checkpoint, print)
    before = checkpoint.read_bytes()

    def break_off(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(module.torch, "save", break_off)
    with pytest.raises(KeyboardInterrupt):
        optimise(line, line.loss, Schedule(6, 0.05, warmup=1), checkpoint, print)
    assert checkpoint.read_bytes() == before
    assert list(tmp_path.iterdir()) == [checkpoint]
