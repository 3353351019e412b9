"""Synthetic images for the steps of a training, on a GPU those of several steps made at once.

A batch is made by a thousand small computations. On a GPU they take longer to start than to do, and a larger batch
takes as many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Batch, Generator, interleaved
from neosegdino.training.seeds import seed_of

STEPS_AT_ONCE = 16
VOXELS_AT_ONCE = 48_000_000
"""What a GPU makes at once is no larger, if it is more than a step's; some GB are in use meanwhile."""


def steps_at_once(device: torch.device, view: View, images: int) -> int:
    """Steps whose images are made together: one on a CPU, on a GPU as many as the two constants allow."""
    if device.type == "cpu":
        return 1
    return max(1, min(STEPS_AT_ONCE, VOXELS_AT_ONCE // (images * math.prod(view.fine().shape))))


class Supply:
    """The batch of every step, whichever was asked for before.

    The steps go round the views. Each view's batches come in lots; the generator's seed, the view's place and the lot's
    number decide what is in it, so that a run that goes on from a checkpoint sees what it would have seen.

    Parameters
    ----------
    generator : Generator
        Makes the images; its random numbers begin anew with every lot.
    views : sequence of (View, int)
        View and images per step.
    looks : int
        Images of the same anatomy that follow each other, each with a contrast, an extraction and an acquisition of its
        own; the images of a step are a multiple of it.
    """

    def __init__(self, generator: Generator, views: Sequence[tuple[View, int]], looks: int = 1) -> None:
        self._generator = generator
        self._views = views
        self._looks = looks
        self._sizes = [steps_at_once(generator.draw.device, view, images) for view, images in views]
        self._lots: dict[int, tuple[int, Batch]] = {}

    def __call__(self, step: int) -> Batch:
        """Batch of a step."""
        visit, place = divmod(step, len(self._views))
        number, within = divmod(visit, self._sizes[place])
        images = self._views[place][1]
        return self._lot(place, number).part(within * images, images)

    def _lot(self, place: int, number: int) -> Batch:
        known = self._lots.get(place)
        if known is not None and known[0] == number:
            return known[1]
        view, images = self._views[place]
        self._lots.pop(place, None)  # what is used up makes room
        self._generator.draw.restart(seed_of(self._generator.draw.seed, place, number))
        anatomies = images * self._sizes[place] // self._looks
        lot = interleaved(self._generator.looks(anatomies, view, self._looks))
        self._lots[place] = number, lot
        return lot
