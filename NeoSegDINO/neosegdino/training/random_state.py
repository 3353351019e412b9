"""The random numbers to come: kept and brought back, so that a step can be repeated and a run can go on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def capture(device: torch.device) -> list[Tensor]:
    """State of torch's own generators (the CPU's, and the device's where it is a GPU)."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def restore(states: Sequence[Tensor], device: torch.device) -> None:
    """Bring back what `capture` gave for the same device."""
    torch.set_rng_state(states[0].cpu())
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1].cpu(), device)
