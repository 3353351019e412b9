"""The random numbers to come: kept and brought back, so that a step can be repeated and a run can go on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def capture(device: torch.device, generators: Sequence[torch.Generator] = ()) -> list[Tensor]:
    """State of torch's own generators (the CPU's, and the device's where it is a GPU) and of further ones."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states + [generator.get_state() for generator in generators]


def restore(states: Sequence[Tensor], device: torch.device, generators: Sequence[torch.Generator] = ()) -> None:
    """Bring back what `capture` gave for the same device and generators."""
    own, *others = states
    torch.set_rng_state(own.cpu())
    if device.type == "cuda":
        torch.cuda.set_rng_state(others.pop(0).cpu(), device)
    for generator, state in zip(generators, others, strict=True):
        generator.set_state(state.cpu())
