"""The coarse pass: where the hippocampi are in a whole head, and whether it faces the way its header says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neosegdino.geometry import Grid, centred_grid, reversed_grid
from neosegdino.spec import LocatorSpec

APART_MM = (10.0, 70.0)
"""Plausible distance between the two hippocampi's centres, from the smallest preterm to an adult."""
ANTERIOR = 1
"""Axis of a RAS grid that runs from back to front."""


@dataclass(frozen=True, eq=False)
class Located:
    """What the coarse pass found.

    Attributes
    ----------
    centre : (3,) float array
        RAS mm, the middle between both hippocampi.
    volumes_mm3 : tuple of float
        Expected volume (sum of probabilities) of left and right.
    back_to_front : bool
        Whether the head was looked at against its header, anterior and posterior exchanged.
    doubt : str
        Why the answer is not to be trusted; empty when it is.
    """

    centre: NDArray[np.float64]
    volumes_mm3: tuple[float, float]
    back_to_front: bool
    doubt: str

    def as_dict(self) -> dict[str, Any]:
        """The finding as a report states it."""
        return {
            "centre_ras": [round(float(value), 2) for value in self.centre],
            "expected_mm3": [round(value, 1) for value in self.volumes_mm3],
            "back_to_front": self.back_to_front,
            "doubt": self.doubt or None,
        }


def head_grid(bounds_mm: NDArray[np.float64], locator: LocatorSpec, back_to_front: bool) -> Grid:
    """Place the coarse window over the foreground of a volume.

    It is centred on the foreground; where a neck makes that taller than the window, the window hangs from the vertex.

    Parameters
    ----------
    bounds_mm : (3, 2) float array
        RAS bounds of the foreground.
    locator : LocatorSpec
        Size and spacing of the coarse window.
    back_to_front : bool
        Whether the grid's second index runs from front to back, against the header.
    """
    height = locator.spacing_mm[2] * locator.size[2]
    centre = bounds_mm.mean(axis=1)
    if bounds_mm[2, 1] - bounds_mm[2, 0] > height:
        centre[2] = bounds_mm[2, 1] - height / 2
    grid = centred_grid(centre, locator.size, locator.spacing_mm)
    return reversed_grid(grid, ANTERIOR) if back_to_front else grid


def judge(
    probabilities: NDArray[np.float32], grid: Grid, sides: tuple[int, int], locator: LocatorSpec, back_to_front: bool
) -> Located:
    """Turn the coarse probabilities into a place, and say whether it can be trusted.

    Parameters
    ----------
    probabilities : (classes, x, y, z) float array
        Of the coarse window.
    grid : Grid
        Of the coarse window.
    sides : tuple of int
        Class of the left and of the right hippocampus.
    locator : LocatorSpec
        Smallest expected volume.
    back_to_front : bool
        As given to `head_grid`.
    """
    voxel = float(np.prod(locator.spacing_mm))
    left, right = (probabilities[side] for side in sides)
    volumes = (float(left.sum()) * voxel, float(right.sum()) * voxel)
    places = [_centroid(part, grid) for part in (left, right)]
    centre = (places[0] + places[1]) / 2
    doubt = _doubt(volumes, places, locator.min_side_mm3)
    return Located(centre, volumes, back_to_front, doubt)


def _centroid(part: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
    """Centre of mass in RAS mm; squares keep the faint haze far away from pulling at it."""
    weight = np.square(part.astype(np.float64)) + 1e-12
    lines = [weight.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    index = np.array([line @ np.arange(len(line)) for line in lines]) / weight.sum()
    return grid.points(index)


def _doubt(volumes: tuple[float, float], places: list[NDArray[np.float64]], smallest: float) -> str:
    if min(volumes) < smallest:
        side = "left" if volumes[0] <= volumes[1] else "right"
        return f"hardly any sign of the {side} hippocampus"
    distance = float(np.linalg.norm(places[1] - places[0]))
    if places[1][0] <= places[0][0]:
        return "left and right were found in swapped places"
    if not APART_MM[0] <= distance <= APART_MM[1]:
        return f"the two sides lie {distance:.0f} mm apart"
    return ""
