"""The random numbers to come: kept and brought back, so that a step can be repeated and a run can go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor


def capture(device: torch.device) -> list[Tensor]:
    """State of torch's own generators (the CPU's, and the device's where it is a GPU)."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def restore(states: Sequence[Tensor], device: torch.device) -> None:
    """Bring back what `capture` gave for the same kind of device.

    Raises
    ------
    ValueError
        There are more states, or fewer.
    """
    setters: list[Callable[[Tensor], None]] = [torch.set_rng_state]
    if device.type == "cuda":
        setters.append(partial(torch.cuda.set_rng_state, device=device))
    for setter, state in zip(setters, states, strict=True):
        setter(state.cpu())
