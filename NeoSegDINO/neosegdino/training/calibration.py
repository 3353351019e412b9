"""Whether a probability of 0.8 is right in eight of ten voxels, the temperature for it (Guo et al. 2017), the border.

A model that is asked for one answer to two contrasts can answer too small. Where its border lies is not a matter of the
temperature: a shift of the scores moves it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from neosegdino.training.scores import dice_of

BINS = 15
IN_QUESTION = 0.01
"""Voxels count where a hippocampus has at least this probability: sure background makes any model look good."""
TEMPERATURES = tuple(round(0.5 + 0.05 * step, 2) for step in range(111))
SHIFTS = tuple(-1 + 0.25 * step for step in range(17))


class Reliability:
    """Confidence against being right, in bins of the confidence, over the voxels in question."""

    def __init__(self) -> None:
        self.count = torch.zeros(BINS, dtype=torch.float64)
        self.confidence = torch.zeros(BINS, dtype=torch.float64)
        self.right = torch.zeros(BINS, dtype=torch.float64)

    def add(self, probabilities: Tensor, target: Tensor) -> None:
        """Take in probabilities ``(N, C, x, y, z)`` and classes ``(N, x, y, z)``."""
        asked = in_question(probabilities)
        confidence, winner = (tensor[asked].cpu().double() for tensor in probabilities.max(dim=1))
        right = (winner == target[asked].cpu()).double()
        place = (confidence * BINS).long().clamp(max=BINS - 1)
        self.count += torch.bincount(place, minlength=BINS)
        self.confidence += torch.bincount(place, confidence, BINS)
        self.right += torch.bincount(place, right, BINS)

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy over bins, weighted by their voxels."""
        return float((self.confidence - self.right).abs().sum() / self.count.sum())


def in_question(probabilities: Tensor) -> Tensor:
    """Voxels ``(N, x, y, z)`` in which a foreground class is possible."""
    return probabilities[:, 1:].amax(dim=1) >= IN_QUESTION


def fit_temperature(samples: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Temperature with the smallest cross-entropy over the voxels in question.

    Parameters
    ----------
    samples : sequence of (Tensor, Tensor)
        Scores ``(N, C, x, y, z)`` and classes ``(N, x, y, z)``, of images that are not measured on.
    """
    picked = [_voxels(scores.float(), target) for scores, target in samples]
    scores, target = torch.cat([s for s, _ in picked]), torch.cat([t for _, t in picked])
    return min(TEMPERATURES, key=lambda value: float(F.cross_entropy(scores / value, target)))


def fit_shift(samples: Sequence[tuple[Tensor, Tensor]]) -> float:
    """What is to be added to the foreground's scores for the highest Dice, mean over the sides that images show.

    Parameters
    ----------
    samples : sequence of (Tensor, Tensor)
        As for `fit_temperature`.
    """
    images = [pair for scores, target in samples for pair in zip(scores.float(), target, strict=True)]

    def dice(shift: float) -> float:
        return sum(value or 0.0 for scores, truth in images for value in dice_of(shifted(scores, shift), truth))

    return max(SHIFTS, key=lambda shift: (dice(shift), -abs(shift)))


def shifted(scores: Tensor, shift: float) -> Tensor:
    """Scores ``(..., C, x, y, z)`` with something added to all classes but the background."""
    foreground = torch.arange(scores.shape[-4], device=scores.device) > 0
    return scores + shift * foreground[:, None, None, None]


def _voxels(scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    asked = in_question(scores.softmax(1))
    return scores.movedim(1, -1)[asked], target[asked]
