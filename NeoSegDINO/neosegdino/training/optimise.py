"""The plain loop around a loss: AdamW, warm-up and cosine, checkpoints that let a run go on elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from neosegdino.errors import TrainingError
from neosegdino.training import random_state
from neosegdino.training.checkpoint import read_checkpoint, write_checkpoint
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.training.seeds import seed_of

SETTLING = 15
"""Steps at a start whose time does not count: compilers and libraries prepare themselves in them."""
CHECKPOINT_S = 300.0
"""Seconds between two checkpoints: what a run that is killed loses at most."""
AGREE_EVERY = 20
"""Steps after which several processes agree whether the time is up."""


@dataclass(frozen=True)
class Schedule:
    """Steps and learning rate.

    Attributes
    ----------
    steps : int
        Optimiser steps in all.
    rate : float
        Highest learning rate; warm-up to it is linear, from it down is a cosine.
    warmup : int
        Steps of warm-up.
    weight_decay : float
        Of AdamW (Loshchilov and Hutter 2019).
    """

    steps: int
    rate: float
    warmup: int = 200
    weight_decay: float = 0.03

    def share(self, step: int, _seconds: float = 0.0) -> float:
        """How much of the run is done after so many steps, or seconds; 1 at its end."""
        return step / self.steps if self.steps else 1.0

    def rate_at(self, step: int, seconds: float = 0.0) -> float:
        """Learning rate of a step."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self.share(step, seconds))))
        return self.rate * min(1.0, (step + 1) / max(1, self.warmup)) * cosine


@dataclass(frozen=True)
class TimedSchedule(Schedule):
    """A run of so many seconds in place of steps: what is trained for equal time can be compared.

    Attributes
    ----------
    seconds : float
        Length of the run, without the first `SETTLING` steps after every start.
    """

    seconds: float = math.inf

    def share(self, _step: int, seconds: float = 0.0) -> float:
        """How much of the run is done."""
        return seconds / self.seconds


def optimise(
    module: nn.Module,
    loss: Callable[[int], Tensor],
    schedule: Schedule,
    checkpoint: Path,
    log: Callable[[str], None],
    limit_s: float = math.inf,
    *,
    parts: int = 1,
    ranks: Ranks = ALONE,
) -> bool:
    """Train a module's parameters; go on from the checkpoint where there is one.

    Several processes do what one would do: each takes some of a step's parts, and all take the same step.

    Parameters
    ----------
    module : nn.Module
        Trained; its state, the optimiser's and that of the random numbers are in the checkpoint.
    loss : callable
        Loss of a step by its number, or of a part of it: those of a step follow each other. It draws from torch's own
        random numbers, or by that number from others.
    schedule : Schedule
        Steps and rates.
    checkpoint : Path
        Written every `CHECKPOINT_S`, at the end and when the time is up; whole or not at all. Of several processes all
        read it, and the first one writes it.
    log : callable
        Takes a line every hundred steps, and a last one; of several processes the first one's. The loss told is the
        mean of its own parts.
    limit_s : float
        Stop after this many seconds.
    parts : int
        Parts of a step: the step's loss is their mean.
    ranks : Ranks
        The processes of the run.

    Returns
    -------
    bool
        Whether all steps are done.

    Raises
    ------
    TrainingError
        The checkpoint is damaged, or of another training; or several processes cannot share the run.
    """
    _check_shared(schedule, parts, ranks)
    log = log if ranks.first else _untold
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=schedule.rate, weight_decay=schedule.weight_decay)
    device = parameters[0].device
    step, seconds = _resume(module, optimiser, checkpoint, device)
    if not ranks.first:  # the weights and the checkpoint are the same for all; what is drawn beside the images is not
        torch.manual_seed(seed_of(torch.initial_seed(), step, ranks.number))
    began = written = time.monotonic()
    first, mean = step, None
    clock = _Clock(seconds)
    while schedule.share(step, clock.seconds) < 1:
        now = time.monotonic()
        if _time_is_up(ranks, step - first, now - began >= limit_s):
            break
        if ranks.first and now - written >= CHECKPOINT_S:
            _keep(module, optimiser, checkpoint, device, step, clock.seconds)
            written = now
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step, clock.seconds)
        optimiser.zero_grad(set_to_none=True)
        value = _backward(loss, step, parts, ranks)
        ranks.sum_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        mean = value if mean is None else 0.98 * mean + 0.02 * value
        step += 1
        if step == first + SETTLING:
            clock.start(value)
        if step % 100 == 0:
            log(f"step {step} loss {mean.item():.4f} {clock.seconds:.1f} s")
    if mean is not None:
        spent = time.monotonic() - began
        log(f"{step} steps in {clock.seconds:.1f} s, loss {mean.item():.4f}; {spent:.1f} s in this run")
    if ranks.first:
        _keep(module, optimiser, checkpoint, device, step, clock.seconds)
    return schedule.share(step, clock.seconds) >= 1


def _check_shared(schedule: Schedule, parts: int, ranks: Ranks) -> None:
    """Refuse what several processes cannot share."""
    if parts < ranks.count:
        raise TrainingError(
            f"{ranks.count} processes cannot share a step of {parts} part{'s' * (parts > 1)}.",
            "Start as many processes as a step has parts, or fewer; the recipe says how many.",
        )
    if ranks.count > 1 and isinstance(schedule, TimedSchedule):
        raise TrainingError(
            "Several processes cannot train for so many seconds: their clocks differ, and with them the rates.",
            "Give the number of steps.",
        )


def _untold(_line: str) -> None:
    """What the other ranks would log."""


def _time_is_up(ranks: Ranks, steps: int, mine: bool) -> bool:
    """Whether a run ends here: its first rank's clock decides, which the others hear of now and then."""
    return False if ranks.count > 1 and steps % AGREE_EVERY else ranks.agree(mine)


def _backward(loss: Callable[[int], Tensor], step: int, parts: int, ranks: Ranks) -> Tensor:
    """Gradients of a step's loss as far as this rank's parts make it; the mean of their losses."""
    values = []
    for part in ranks.mine(parts):
        value = loss(step * parts + part)
        (value / parts).backward()
        values.append(value.detach())
    return torch.stack(values).mean()


class _Clock:
    """Seconds of training: those of the runs before, and of this one since it was started."""

    def __init__(self, before: float) -> None:
        self._before = before
        self._began: float | None = None

    def start(self, value: Tensor) -> None:
        """Begin to count, once all that was asked of the device before is done."""
        value.item()
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._began is None else time.monotonic() - self._began)


def _keep(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    checkpoint: Path,
    device: torch.device,
    step: int,
    seconds: float,
) -> None:
    """Write what `_resume` goes on from."""
    state = {
        "step": step,
        "seconds": seconds,
        "module": module.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": random_state.capture(device),
    }
    write_checkpoint(checkpoint, state)


def _resume(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    checkpoint: Path,
    device: torch.device,
) -> tuple[int, float]:
    """Steps and seconds that are done."""
    state = read_checkpoint(checkpoint, device)
    if state is None:
        return 0, 0.0
    try:
        done = int(state["step"]), float(state["seconds"])
        module.load_state_dict(state["module"])
        optimiser.load_state_dict(state["optimiser"])
        random_state.restore(state["random"], device)
    except (KeyError, RuntimeError, ValueError) as error:
        raise TrainingError(
            f"The checkpoint {checkpoint} is not one of this training: {error}.", "Train in another folder."
        ) from error
    return done
