"""A window seen in a mirror: left is right."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SWAPPED = (0, 2, 1)
"""Class of the other side: background, left and right hippocampus."""


def mirrored(image: Tensor) -> Tensor:
    """Images ``(N, 1, X, Y, Z)`` with their first axis turned round, which runs from left to right."""
    return image.flip(2)


def mirrored_target(target: Tensor) -> Tensor:
    """Classes ``(N, X, Y, Z)`` of mirrored images."""
    return torch.tensor(SWAPPED, device=target.device, dtype=target.dtype)[target.long()].flip(1)


def mirrored_scores(scores: Tensor) -> Tensor:
    """Scores ``(N, 3, X, Y, Z)`` of mirrored images, as they are for the images themselves, and the reverse."""
    return scores[:, SWAPPED].flip(2)


def every_second(change: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """A batch whose images 1, 3 and so on are changed."""
    return torch.stack((batch[::2], change(batch[1::2])), dim=1).flatten(0, 1)
