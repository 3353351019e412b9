"""Volumes, places and sides of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neosegdino.geometry import Affine, Grid

if TYPE_CHECKING:
    from neosegdino.spec import ClassSpec


def volumes_mm3(labels: NDArray[np.uint8], affine: Affine) -> dict[int, float]:
    """Return the volume in mm3 of each label that is present, background left out."""
    voxel = abs(float(np.linalg.det(affine[:3, :3])))
    boxes = enumerate(ndimage.find_objects(labels), start=1)
    return {label: int(np.count_nonzero(labels[box] == label)) * voxel for label, box in boxes if box is not None}


def centroids_ras(labels: NDArray[np.uint8], affine: Affine) -> dict[int, NDArray[np.float64]]:
    """Return the centre of mass, (3,) in RAS mm, of each label that is present, background left out."""
    centroids = {}
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            index = np.argwhere(labels[box] == label).mean(axis=0) + [part.start for part in box]
            centroids[label] = Grid((1, 1, 1), affine).points(index)
    return centroids


def asymmetry(left: float, right: float) -> float:
    """Return (right - left) / mean of two volumes; 0 when both are 0."""
    mean = (left + right) / 2
    return (right - left) / mean if mean else 0.0


def check_sides(labels: NDArray[np.uint8], affine: Affine, classes: Sequence[ClassSpec]) -> str | None:
    """Check in RAS, never in array order, that the left classes lie to the left of the right ones.

    Parameters
    ----------
    labels : (x, y, z) uint8 array
        Labels of the classes.
    affine : (4, 4) float array
        Voxel index to RAS mm.
    classes : sequence of ClassSpec
        Names the side of each label.

    Returns
    -------
    str or None
        A warning when a left class does not lie left of each right one; None when all is well or a side is empty.
    """
    centroids = centroids_ras(labels, affine)
    left = [centroids[part.label][0] for part in classes if part.side == "left" and part.label in centroids]
    right = [centroids[part.label][0] for part in classes if part.side == "right" and part.label in centroids]
    if not left or not right or max(left) < min(right):
        return None
    return (
        f"Sides in doubt: the left hippocampus lies at R = {max(left):.1f} mm and the right one at "
        f"R = {min(right):.1f} mm, so they are not on their sides."
    )
