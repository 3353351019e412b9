"""A window seen in a mirror: left is right."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from neosegdino.cases.case import SIDES


def exchanged(target: Tensor) -> Tensor:
    """Labels with left and right exchanged."""
    left, right = SIDES["left"], SIDES["right"]
    return torch.where(target == left, right, torch.where(target == right, left, target)).to(target.dtype)


def mirrored(image: Tensor) -> Tensor:
    """Images ``(N, 1, X, Y, Z)`` with their first axis turned round, which runs from left to right."""
    return image.flip(2)


def mirrored_target(target: Tensor) -> Tensor:
    """Classes ``(N, X, Y, Z)`` of mirrored images."""
    return exchanged(target.flip(1))


def mirrored_scores(scores: Tensor) -> Tensor:
    """Scores ``(N, C, X, Y, Z)`` of mirrored images, as they are for the images themselves, and the reverse."""
    return scores[:, exchanged(torch.arange(scores.shape[1], device=scores.device))].flip(2)


def every_second(change: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """A batch whose images 1, 3 and so on are changed."""
    return torch.stack((batch[::2], change(batch[1::2])), dim=1).flatten(0, 1)
