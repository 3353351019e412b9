"""How well a model segments synthetic images of heads that were never trained on, and whether it knows how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neosegdino.evaluation.measures import MaskMeasures, compare
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Generator
from neosegdino.training.calibration import Reliability

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
    """

    sides: list[tuple[MaskMeasures, MaskMeasures]] = field(default_factory=list)
    reliability: Reliability = field(default_factory=Reliability)

    def column(self, name: str) -> NDArray[np.float64]:
        """One measure, ``(images, 2)``; NaN where it has no meaning."""
        rows = [[getattr(side, name) for side in pair] for pair in self.sides]
        return np.array([[np.nan if value is None else value for value in row] for row in rows], np.float64)


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
    while len(figures.sides) < count:
        batch = generator(1, view)
        truth = batch.target[0].cpu().numpy()
        if not all((truth == side).any() for side in (1, 2)):
            continue
        found = (scores(batch.image).float() / temperature).softmax(1)
        figures.reliability.add(found, batch.target)
        labels = found[0].argmax(0).cpu().numpy()
        spacing = (view.spacing_mm,) * 3
        left, right = (compare(truth == side, labels == side, spacing) for side in (1, 2))
        figures.sides.append((left, right))
    return figures
