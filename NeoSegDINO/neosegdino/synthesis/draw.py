"""Seeded random draws, one value per image of a batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Draw:
    """Random numbers on one device from one seed.

    Parameters
    ----------
    seed : int
        The same seed and device give the same images.
    device : torch.device or str
        Where the tensors live.
    """

    def __init__(self, seed: int, device: torch.device | str) -> None:
        self.seed = seed
        self.device = torch.device(device)
        self.generator = torch.Generator(self.device)
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Draw from here on as from another seed."""
        self.generator.manual_seed(seed)

    def state(self) -> Tensor:
        """Where the random numbers are, for `go_back`."""
        return self.generator.get_state()

    def go_back(self, state: Tensor) -> None:
        """Draw once more what was drawn since then."""
        self.generator.set_state(state)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform between low and high."""
        return low + (high - low) * torch.rand(*shape, device=self.device, generator=self.generator)

    def normal(self, sd: float, *shape: int) -> Tensor:
        """Normal with mean 0."""
        return torch.randn(*shape, device=self.device, generator=self.generator).mul_(sd)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with a probability."""
        return torch.rand(*shape, device=self.device, generator=self.generator) < probability

    def integer(self, low: int, high: int, *shape: int) -> Tensor:
        """Integers from low up to, not including, high."""
        return torch.randint(low, high, shape, device=self.device, generator=self.generator)

    def choice(self, weights: list[float], count: int) -> Tensor:
        """Indices drawn with the given weights."""
        table = torch.tensor(weights, device=self.device)
        return torch.multinomial(table, count, replacement=True, generator=self.generator)

    def field(self, count: int, channels: int, shape: tuple[int, int, int], knots: int) -> Tensor:
        """Smooth fields ``(count, channels, X, Y, Z)`` of unit variance at about `knots` knots per axis."""
        coarse = self.normal(1.0, count, channels, knots, knots, knots)
        return F.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)

    def knots(self, low: int, high: int) -> int:
        """One number of knots for a whole batch."""
        return int(torch.randint(low, high, (1,), generator=self.generator, device=self.device))
