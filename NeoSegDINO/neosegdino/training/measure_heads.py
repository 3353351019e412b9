"""The whole road, from a volume to labels, on synthetic heads that were never trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neosegdino.bundle import Bundle
from neosegdino.segment import segment
from neosegdino.synthesis.generator import Generator
from neosegdino.synthesis.head import synthesize_head


@dataclass(frozen=True)
class HeadResult:
    """What came out for one head.

    Attributes
    ----------
    dice : tuple of float
        Left and right.
    found : bool
        Whether the located centre lies within 15 mm of the true middle of both hippocampi.
    turned : bool
        Whether the head was wrongly taken to be back to front.
    """

    dice: tuple[float, float]
    found: bool
    turned: bool


def measure_heads(
    bundle: Bundle, generator: Generator, count: int, log: Callable[[str], None], reach_mm: float = 15.0
) -> list[HeadResult]:
    """Segment synthetic heads and compare with the truth; heads with a side outside the field of view are left out.

    Parameters
    ----------
    bundle : Bundle
        The model.
    generator : Generator
        Makes images of held-out heads.
    count : int
        Heads with both sides in view.
    log : callable
        Takes a line per head.
    reach_mm : float
        How near the located centre has to be.
    """
    results: list[HeadResult] = []
    while len(results) < count:
        volume, truth = synthesize_head(generator, f"synthetic head {len(results) + 1}")
        if min((truth == side).sum() for side in (1, 2)) < 100:
            continue
        answer = segment(volume, bundle, device="cpu")
        located = answer.report["windows"]["located"]
        middle = np.mean([np.argwhere(truth == side).mean(axis=0) for side in (1, 2)], axis=0)
        centre = volume.affine[:3, :3] @ middle + volume.affine[:3, 3]
        distance = float(np.linalg.norm(centre - located["centre_ras"])) if located else np.inf
        dice = (_dice(answer.labels == 1, truth == 1), _dice(answer.labels == 2, truth == 2))
        results.append(HeadResult(dice, distance <= reach_mm, bool(located and located["back_to_front"])))
        log(f"head {len(results)}: Dice {dice[0]:.3f} {dice[1]:.3f}, centre {distance:.1f} mm off, {located}")
    return results


def _dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))
