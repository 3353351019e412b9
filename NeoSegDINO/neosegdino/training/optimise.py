"""The plain loop around a loss: AdamW, warm-up and cosine, checkpoints that let a run go on elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from neosegdino.training import random_state
from neosegdino.training.checkpoint import read_checkpoint, write_checkpoint


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

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.rate * min(1.0, (step + 1) / max(1, self.warmup)) * cosine


def optimise(
    module: nn.Module,
    loss: Callable[[int], Tensor],
    schedule: Schedule,
    checkpoint: Path,
    log: Callable[[str], None],
    limit_s: float = math.inf,
    generators: Sequence[torch.Generator] = (),
) -> bool:
    """Train a module's parameters; go on from the checkpoint where there is one.

    Parameters
    ----------
    module : nn.Module
        Trained; its state, the optimiser's and that of the random numbers are in the checkpoint.
    loss : callable
        Loss of a step by its number.
    schedule : Schedule
        Steps and rates.
    checkpoint : Path
        Written at the end and when the time is up, whole or not at all.
    log : callable
        Takes a line every hundred steps.
    limit_s : float
        Stop after this many seconds.
    generators : sequence of torch.Generator
        Random numbers that the loss draws beside torch's own: a run in pieces equals an uninterrupted one.

    Returns
    -------
    bool
        Whether all steps are done.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=schedule.rate, weight_decay=schedule.weight_decay)
    device = parameters[0].device
    step = _resume(module, optimiser, checkpoint, device, generators)
    began, mean = time.monotonic(), None
    while step < schedule.steps and time.monotonic() - began < limit_s:
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step)
        value = loss(step)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        mean = value.detach() if mean is None else 0.98 * mean + 0.02 * value.detach()
        step += 1
        if step % 100 == 0:
            log(f"step {step}/{schedule.steps} loss {mean.item():.4f} {time.monotonic() - began:.0f} s")
    state = {
        "step": step,
        "module": module.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": random_state.capture(device, generators),
    }
    write_checkpoint(checkpoint, state)
    return step >= schedule.steps


def _resume(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    checkpoint: Path,
    device: torch.device,
    generators: Sequence[torch.Generator],
) -> int:
    state = read_checkpoint(checkpoint, device)
    if state is None:
        return 0
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
    random_state.restore(state["random"], device, generators)
    return int(state["step"])
