"""How well a model segments synthetic images of heads that were never trained on, and whether it knows how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neosegdino.cases.case import SIDES
from neosegdino.evaluation.measures import MaskMeasures, compare
from neosegdino.evaluation.worst import SHOWN, SIDE_COLORS, Example
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Generator
from neosegdino.training.calibration import Reliability
from neosegdino.volume import Volume

Scores = Callable[[Tensor], Tensor]
"""Scores ``(N, 3, x, y, z)`` of images ``(N, 1, x, y, z)``."""


@dataclass
class ViewFigures:
    """What came out over some images.

    Attributes
    ----------
    sides : list of (MaskMeasures, MaskMeasures)
        Left and right of every image that shows both.
    reliability : Reliability
        Of the probabilities, over all images.
    worst : list of Example
        The few images with the lowest Dice, worst first, to be looked at.
    """

    sides: list[tuple[MaskMeasures, MaskMeasures]] = field(default_factory=list)
    reliability: Reliability = field(default_factory=Reliability)
    worst: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """Count an image in."""
        self.sides.append((example.measures["left"], example.measures["right"]))
        self.worst = sorted([*self.worst, example], key=_both_dice)[:SHOWN]

    def column(self, name: str) -> NDArray[np.float64]:
        """One measure, ``(images, 2)``; NaN where it has no meaning."""
        rows = [[getattr(side, name) for side in pair] for pair in self.sides]
        return np.array([[np.nan if value is None else value for value in row] for row in rows], np.float64)


def _both_dice(example: Example) -> float:
    return sum(side.dice or 0.0 for side in example.measures.values())


@torch.no_grad()
def measure_views(
    scores: Scores, generator: Generator, view: View, count: int, temperature: float = 1.0
) -> ViewFigures:
    """Compare a model's answers with the truth.

    Parameters
    ----------
    scores : callable
        The model, on the generator's device.
    generator : Generator
        Makes images of held-out heads.
    view : View
        Field of view.
    count : int
        Images that show both hippocampi; others are left out.
    temperature : float
        Scores are divided by this before the softmax.
    """
    figures = ViewFigures()
    spacing = (view.spacing_mm,) * 3
    while len(figures.sides) < count:
        batch = generator(1, view)
        truth = batch.target[0].cpu().numpy()
        if not all((truth == side).any() for side in (1, 2)):
            continue
        found = (scores(batch.image).float() / temperature).softmax(1)
        figures.reliability.add(found, batch.target)
        labels = found[0].argmax(0).cpu().numpy()
        measures = {name: compare(truth == side, labels == side, spacing) for name, side in SIDES.items()}
        volume = Volume(batch.image[0, 0].cpu().numpy(), np.diag([*spacing, 1.0]), f"Image {len(figures.sides) + 1}")
        figures.add(
            Example(volume.source, volume, truth.astype(np.uint8), labels.astype(np.uint8), measures, SIDE_COLORS)
        )
    return figures
