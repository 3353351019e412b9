"""Synthetic images for the steps of a training, on a GPU those of several steps made at once.

A batch is made by a thousand small computations. On a GPU they take longer to start than to do, and a larger batch
takes as many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Shown:
    """What a step shows.

    Attributes
    ----------
    view : View
        What every image shows.
    images : int
        Images per part of the step.
    contrasts : tuple of str
        Of the images of one anatomy that follow each other, see `Generator.alike`; `images` is a multiple of their
        number. Without any, every image is of another anatomy and of the generator's contrasts.
    """

    view: View
    images: int
    contrasts: tuple[str, ...] = ()


class Supply:
    """The batch of every step, or of every part of a step, whichever was asked for before.

    The steps go round what is shown. The batches of each place come in lots; the generator's seed, the place, the part
    and the lot's number decide what is in it, so that a run that goes on from a checkpoint sees what it would have
    seen.

    Parameters
    ----------
    generator : Generator
        Makes the images; its random numbers begin anew with every lot.
    steps : sequence of Shown
        What is shown, step by step and then from the start.
    parts : int
        Parts of a step; all parts of one show the same.
    """

    def __init__(self, generator: Generator, steps: Sequence[Shown], *, parts: int = 1) -> None:
        self._generator = generator
        self._steps = steps
        self._parts = parts
        self._sizes = [steps_at_once(generator.draw.device, shown.view, shown.images) for shown in steps]
        self._lots: dict[tuple[int, int], tuple[int, Batch]] = {}

    def __call__(self, number: int) -> Batch:
        """Batch of a part by its number: those of a step follow each other."""
        step, part = divmod(number, self._parts)
        visit, place = divmod(step, len(self._steps))
        lot, within = divmod(visit, self._sizes[place])
        images = self._steps[place].images
        return self._lot(place, part, lot).part(within * images, images)

    def place(self, number: int) -> int:
        """Where in the list what a part shows is."""
        return number // self._parts % len(self._steps)

    def shown(self, number: int) -> Shown:
        """What a part shows."""
        return self._steps[self.place(number)]

    def _lot(self, place: int, part: int, number: int) -> Batch:
        known = self._lots.get((place, part))
        if known is not None and known[0] == number:
            return known[1]
        self._lots.pop((place, part), None)  # what is used up makes room
        own = [part] if part else []  # the first part is shown what a run in one part is shown
        self._generator.draw.restart(seed_of(self._generator.draw.seed, place, number, *own))
        lot = self._made(self._steps[place], self._sizes[place])
        self._lots[place, part] = number, lot
        return lot

    def _made(self, shown: Shown, steps: int) -> Batch:
        images = shown.images * steps
        if not shown.contrasts:
            return self._generator(images, shown.view)
        anatomies = images // len(shown.contrasts)
        return interleaved(self._generator.alike(anatomies, shown.view, shown.contrasts))
