"""The whole road, from a volume to labels, on synthetic heads that were never trained on."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neosegdino.bundle_store import find_bundle
from neosegdino.segment import segment
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Generator
from neosegdino.synthesis.head import synthesize_head
from neosegdino.synthesis.label_maps import load_packed
from neosegdino.training import starter

REACH_MM = 15.0
"""How near the located centre has to be to the true middle of both hippocampi."""
_SMALLEST = 100
"""Voxels of a side below which it counts as outside the field of view."""


@dataclass(frozen=True)
class HeadResult:
    """What came out for one head.

    Attributes
    ----------
    number : int
        Of the head, which makes it again.
    dice : tuple of float
        Left and right.
    distance_mm : float
        From the located centre to the true one; infinite where it was not located.
    sure : bool
        Whether it was located without doubt; otherwise the whole volume was segmented, and that was said.
    turned : bool
        Whether the head was wrongly taken to be back to front.
    """

    number: int
    dice: tuple[float, float]
    distance_mm: float
    sure: bool
    turned: bool

    def __str__(self) -> str:
        """The result as a line."""
        doubt = ("" if self.sure else ", not sure") + (", taken for back to front" if self.turned else "")
        left, right = self.dice
        return f"head {self.number}: Dice {left:.3f} {right:.3f}, centre {self.distance_mm:.1f} mm off{doubt}"

    @property
    def found(self) -> bool:
        """Whether the hippocampi were located rightly."""
        return self.sure and not self.turned and self.distance_mm <= REACH_MM

    @property
    def misled(self) -> bool:
        """Whether a wrong place was taken for the right one, without a word."""
        return self.sure and not self.found


def measure_heads(
    packed: Path, bundle: str | None, count: int, seed: int, device: str, workers: int, log: Callable[[str], None]
) -> list[HeadResult]:
    """Segment synthetic heads and compare with the truth; heads with a side outside the field of view are left out.

    Parameters
    ----------
    packed : Path
        Packed label maps, of which the held-out heads are used.
    bundle : str, optional
        Name or folder of a bundle; the shipped one by default.
    count : int
        Heads with both sides in view.
    seed : int
        Of the first head; every head has a seed of its own.
    device : str
        Where images are made and segmented.
    workers : int
        Processes that share the work.
    log : callable
        Takes a line per head.
    """
    results: list[HeadResult] = []
    numbers = range(count)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        while numbers:
            for result in pool.map(partial(_measure_head, packed, bundle, seed, device), numbers):
                if result is not None:
                    results.append(result)
                    log(str(result))
            numbers = range(numbers.stop, numbers.stop + count - len(results))
    return results


def _measure_head(packed: Path, bundle: str | None, seed: int, device: str, number: int) -> HeadResult | None:
    generator = _generator(packed, device)
    generator.draw.generator.manual_seed(seed + number)
    volume, truth = synthesize_head(generator, f"synthetic head {number}")
    if min(np.count_nonzero(truth == side) for side in (1, 2)) < _SMALLEST:
        return None
    answer = segment(volume, find_bundle(bundle), device=device)
    located = answer.report["windows"]["located"]
    middle = np.mean([np.argwhere(truth == side).mean(axis=0) for side in (1, 2)], axis=0)
    centre = volume.affine[:3, :3] @ middle + volume.affine[:3, 3]
    distance = float(np.linalg.norm(centre - located["centre_ras"])) if located else float("inf")
    dice = (_dice(answer.labels == 1, truth == 1), _dice(answer.labels == 2, truth == 2))
    return HeadResult(number, dice, distance, located is not None, bool(located and located["back_to_front"]))


_made: dict[tuple[Path, str], Generator] = {}


def _generator(packed: Path, device: str) -> Generator:
    """One generator in a process; the heads' seeds make them independent of who makes them."""
    key = (packed, device)
    if key not in _made:
        _made[key] = Generator(starter.held_out_maps(load_packed(packed)), Draw(0, device))
    return _made[key]


def _dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))
