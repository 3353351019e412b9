"""A physical head with unlike sides, defined in RAS mm, and affines to look at it from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from neosegdino.geometry import Grid
from neosegdino.spec import ClassSpec, Code, Terminology
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

CENTRE = np.array([7.0, -11.0, 23.0])
"""Where the head is; not at the origin, so that a forgotten translation shows."""
LEFT = CENTRE + np.array([-13.0, -4.0, -5.0])
RIGHT = CENTRE + np.array([13.0, -4.0, -5.0])
RADIUS = 6.0
ORIENTATIONS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]
_CODE = Code("SCT", "5366008", "Hippocampus")
CLASSES = (
    ClassSpec(1, "Left Hippocampus", "left", (0.2, 0.7, 1.0), Terminology(_CODE, _CODE, _CODE)),
    ClassSpec(2, "Right Hippocampus", "right", (1.0, 0.6, 0.1), Terminology(_CODE, _CODE, _CODE)),
)


def head(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intensity at RAS points: a blob, a bright left spot, a dark right one, marks in front and above."""
    place = points - CENTRE
    value = 0.6 * np.exp(-((place / (20.0, 26.0, 18.0)) ** 2).sum(-1))
    spots = ((LEFT - CENTRE, 0.5), (RIGHT - CENTRE, -0.3), (np.array([0, 20, 0]), 0.4), (np.array([2, 0, 15]), 0.3))
    for centre, height in spots:
        value += height * np.exp(-(((place - centre) / 7.0) ** 2).sum(-1))
    return value


def side_scores(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scores (background, left, right) at RAS points: a ball on either side, the zero of the contest on its surface."""
    left = (RADIUS - np.linalg.norm(points - LEFT, axis=-1)).clip(-4, 4)
    right = (RADIUS - np.linalg.norm(points - RIGHT, axis=-1)).clip(-4, 4)
    return np.stack([np.zeros_like(left), left, right]).astype(np.float32)


def everywhere(grid: Grid) -> NDArray[np.float64]:
    """RAS points of all voxels of a grid, shape (x, y, z, 3)."""
    return grid.points(np.stack(np.indices(grid.shape), axis=-1))


def view(
    orientation: tuple[tuple[int, ...], tuple[int, ...]],
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    angles_deg: Sequence[float] = (0.0, 0.0, 0.0),
    fov_mm: float = 78.0,
) -> Grid:
    """Grid whose array axes run along the given patient axes and signs, then rotated, centred near the head."""
    order, signs = orientation
    directions = np.zeros((3, 3))
    directions[list(order), range(3)] = signs
    directions = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix() @ directions
    first, second, third = (round(fov_mm / side) for side in spacing)
    affine = np.eye(4)
    affine[:3, :3] = directions * np.asarray(spacing)
    middle = (np.array([first, second, third]) - 1) / 2
    affine[:3, 3] = CENTRE + np.array([0.7, -0.4, 0.3]) - affine[:3, :3] @ middle
    return Grid((first, second, third), affine)
