"""From an adult's label map towards a newborn's: smoother cortex, wider fluid spaces, contrasts of its own.

An adult head shrunk to a newborn's size keeps an adult's folding. At 30 weeks of gestation the cortex has its primary
sulci alone, and ventricles and the fluid around the brain are wide; by term most secondary sulci are there. The steps
here are coarse stand-ins for that: they teach a model not to lean on folds that a newborn does not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neosegdino.synthesis.anatomy import (
    CORTEX,
    FIRST_EXTRACEREBRAL,
    FLUID,
    HIPPOCAMPAL_RIMS,
    INTERNAL_CAPSULE,
    LEFT_HIPPOCAMPUS,
    LENTIFORM,
    NOT_CEREBRUM,
    PAIRS,
    RIGHT_HIPPOCAMPUS,
    THALAMUS,
    VENTRICLES,
    WHITE,
)

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

_NEAR_MM = 3
"""The internal capsule's posterior limb is white matter this near to both thalamus and lentiform nucleus."""
_TRIM_MM, _MARGIN = 0.8, 4
_CORE_SHARE = 0.42
"""Share of white matter in a smoothed map above which a voxel is white: below a half, as a newborn's cortex is thin."""


@dataclass(frozen=True)
class Maturity:
    """How far a map is taken back from an adult, in millimetres of the adult's map (about 1.5 of a newborn's).

    Attributes
    ----------
    name : str
        In the map's name.
    smoothing_mm : float
        Folds of about this size vanish.
    ventricles_mm : int
        How much the lateral ventricles grow into the white matter.
    fluid_mm : int
        How much the fluid outside the brain grows.
    """

    name: str
    smoothing_mm: float = 0.0
    ventricles_mm: int = 0
    fluid_mm: int = 0


MATURITIES = (Maturity("adult"), Maturity("term", 1.2, 1, 2), Maturity("preterm", 2.2, 2, 4))
"""Every head is used in all of these."""


def mature(labels: Labels, maturity: Maturity) -> Labels:
    """Take a map back to a maturity; deep structures stay as they are, but for the hippocampi's surface.

    Parameters
    ----------
    labels : (x, y, z) int array
        FreeSurfer labels on a 1 mm grid.
    maturity : Maturity
        How far.

    Returns
    -------
    (x, y, z) int array
        With the posterior limbs of the internal capsules, and the hippocampi's rims, as labels of their own.
    """
    found = labels.copy()
    for hippocampus in (LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS):
        _trim(found, hippocampus)
    if maturity.smoothing_mm:
        for side in (0, 1):
            _smooth_cortex(found, side, maturity.smoothing_mm)
    if maturity.ventricles_mm:
        for side in (0, 1):
            grown = ndimage.binary_dilation(_is(found, VENTRICLES[side]), iterations=maturity.ventricles_mm)
            found[grown & (found == WHITE[side])] = VENTRICLES[side][0]
    if maturity.fluid_mm:
        within = (found > 0) & (found < FIRST_EXTRACEREBRAL)
        rim = ndimage.binary_dilation(within, iterations=maturity.fluid_mm) & ~within
        found[rim] = FLUID
    for side, hippocampus in enumerate((LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS)):
        _mark_capsule(found, side)
        for rim in HIPPOCAMPAL_RIMS:
            found[_rim(found == hippocampus)] = rim[side]
    return found


def _trim(labels: Labels, structure: int) -> None:
    """Smooth the ragged surface of an automatically labelled structure; single voxels vanish, holes are filled."""
    place = ndimage.find_objects((labels == structure).astype(np.uint8))[0]
    box = tuple(slice(max(0, part.start - _MARGIN), part.stop + _MARGIN) for part in place)
    part = labels[box]
    before = part == structure
    after = _smoothed(before, _TRIM_MM) > 0.5
    lost = before & ~after
    nearest = ndimage.distance_transform_edt(before, return_distances=False, return_indices=True)
    part[lost] = part[tuple(index[lost] for index in nearest)]
    part[after] = structure


def _smooth_cortex(labels: Labels, side: int, size_mm: float) -> None:
    """Redraw the cortex between a smoothed surface of the hemisphere and its smoothed core."""
    cortex, white = labels == CORTEX[side], labels == WHITE[side]
    hemisphere = _is(labels, _hemisphere(side))
    outer = _smoothed(hemisphere, size_mm) > 0.5
    core = _smoothed(hemisphere & ~cortex, size_mm) > _CORE_SHARE
    free = cortex | white | (labels == FLUID)
    labels[free & outer & core] = WHITE[side]
    labels[free & outer & ~core] = CORTEX[side]
    labels[(cortex | white) & ~outer] = FLUID


def _mark_capsule(labels: Labels, side: int) -> None:
    near = [
        ndimage.binary_dilation(_is(labels, structure), iterations=_NEAR_MM)
        for structure in ((THALAMUS[side],), LENTIFORM[side])
    ]
    labels[near[0] & near[1] & (labels == WHITE[side])] = INTERNAL_CAPSULE[side]


def _rim(mask: Mask) -> Mask:
    """Voxels of a structure that touch its outside."""
    inside = mask.copy()
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inside[box] = ndimage.binary_erosion(mask[box])
    return mask & ~inside


def _hemisphere(side: int) -> set[int]:
    """Labels of one side of the cerebrum."""
    return {pair[side] for pair in PAIRS.items()} - set(NOT_CEREBRUM)


def _is(labels: Labels, wanted: Iterable[int]) -> Mask:
    return np.isin(labels, list(wanted))


def _smoothed(mask: Mask, size_mm: float) -> NDArray[np.float32]:
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(mask.astype(np.float32), size_mm, truncate=3.0)
    return smooth
