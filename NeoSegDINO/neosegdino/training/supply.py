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
    """The batch of every step, or of every part of a step, whichever was asked for before.

    The steps go round the views. Each view's batches come in lots; the generator's seed, the view's place, the part and
    the lot's number decide what is in it, so that a run that goes on from a checkpoint sees what it would have seen.

    Parameters
    ----------
    generator : Generator
        Makes the images; its random numbers begin anew with every lot.
    views : sequence of (View, int)
        View and images per part of a step.
    looks : int
        Images of the same anatomy that follow each other, alike but for the contrast; the images of a part are a
        multiple of it.
    parts : int
        Parts of a step; all parts of one are of the same view.
    """

    def __init__(
        self, generator: Generator, views: Sequence[tuple[View, int]], looks: int = 1, *, parts: int = 1
    ) -> None:
        self._generator = generator
        self._views = views
        self._looks = looks
        self._parts = parts
        self._sizes = [steps_at_once(generator.draw.device, view, images) for view, images in views]
        self._lots: dict[tuple[int, int], tuple[int, Batch]] = {}

    def __call__(self, number: int) -> Batch:
        """Batch of a part by its number: those of a step follow each other."""
        step, part = divmod(number, self._parts)
        visit, place = divmod(step, len(self._views))
        lot, within = divmod(visit, self._sizes[place])
        images = self._views[place][1]
        return self._lot(place, part, lot).part(within * images, images)

    def place(self, number: int) -> int:
        """Where in the list the view of a part is."""
        return number // self._parts % len(self._views)

    def _lot(self, place: int, part: int, number: int) -> Batch:
        known = self._lots.get((place, part))
        if known is not None and known[0] == number:
            return known[1]
        view, images = self._views[place]
        self._lots.pop((place, part), None)  # what is used up makes room
        own = [part] if part else []  # the first part is shown what a run in one part is shown
        self._generator.draw.restart(seed_of(self._generator.draw.seed, place, number, *own))
        anatomies = images * self._sizes[place] // self._looks
        lot = interleaved(self._generator.looks(anatomies, view, self._looks, alike=True))
        self._lots[place, part] = number, lot
        return lot
