"""How well one mask agrees with its reference: overlap, distances of surfaces, volume."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neosegdino.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCES_MM = (0.5, 1.0)
_PERCENTILE = 95
_MARGIN = 2
"""Voxels of background around both masks, so that every surface is closed whatever monai does at an array's end."""
_DIGITS = 6


class MaskMeasures(Spec, frozen=True):
    """Agreement of one mask with its reference; None where a measure has no meaning, see `compare`."""

    dice: float | None
    hd95_mm: float | None
    """The larger of the two directed 95th percentiles of surface distances."""
    assd_mm: float | None
    """Average symmetric surface distance: the mean over the voxels of both surfaces together."""
    surface_dice_05mm: float | None
    """Share of both surfaces' area that lies within 0.5 mm of the other."""
    surface_dice_1mm: float | None
    reference_mm3: float
    found_mm3: float
    volume_error_mm3: float
    """Found minus reference."""
    volume_error_percent: float | None
    """Of the reference."""


def compare(
    truth: NDArray[np.bool_],
    found: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    voxel_mm3: float | None = None,
) -> MaskMeasures:
    """Compare a mask with its reference.

    The surface for HD95 and ASSD is the set of a mask's voxels that have a neighbour (of six) outside of it; distances
    run between voxel centres. Surface Dice follows Nikolov et al. (arXiv 1809.04430): its surface elements lie between
    the voxels and count by their area, so that anisotropic voxels are weighed rightly. What lies outside of the image
    is background: a mask that is cut off by the image's border has a surface there.

    Parameters
    ----------
    truth, found : (x, y, z) bool array
        Reference and result on the same grid.
    spacing_mm : sequence of 3 floats
        Voxel size along the array axes, which are taken to be at right angles.
    voxel_mm3 : float, optional
        Volume of a voxel, where the axes are not at right angles; by default the product of the spacing.

    Returns
    -------
    MaskMeasures
        Both masks empty: Dice, surface Dice and distances are None, for there is nothing to agree on. One empty: Dice
        and surface Dice are 0, distances are None. An empty reference has no volume error in per cent.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if truth.shape != found.shape:
        raise ValueError(f"a result of shape {found.shape} does not fit a reference of shape {truth.shape}")
    spacing = [float(side) for side in spacing_mm]
    voxel = float(np.prod(spacing)) if voxel_mm3 is None else voxel_mm3
    sizes = int(np.count_nonzero(truth)) * voxel, int(np.count_nonzero(found)) * voxel
    if not all(sizes):
        return _measures(0.0 if any(sizes) else None, None, None, (0.0, 0.0) if any(sizes) else (None, None), sizes)
    union = truth | found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # monai warns of an argument that it passes itself
        return _agreement(_tensor(cropped(truth, union)), _tensor(cropped(found, union)), spacing, sizes)


def cropped(mask: NDArray[np.bool_], union: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cut a mask to the bounding box of a union, with a margin of background that need not be in the image."""
    box = []
    for axis in range(3):
        hits = np.flatnonzero(union.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(hits[0], hits[-1] + 1))
    return np.pad(mask[tuple(box)], _MARGIN)


def _tensor(mask: NDArray[np.bool_]) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None, None]


def _agreement(truth: Tensor, found: Tensor, spacing: list[float], sizes: tuple[float, float]) -> MaskMeasures:
    from monai import metrics

    masks = {"y_pred": found, "y": truth, "include_background": True}
    on_surface = {**masks, "spacing": spacing}
    near = [
        float(metrics.compute_surface_dice(**on_surface, class_thresholds=[tolerance], use_subvoxels=True))
        for tolerance in TOLERANCES_MM
    ]
    return _measures(
        float(metrics.compute_dice(**masks)),
        float(metrics.compute_hausdorff_distance(**on_surface, percentile=_PERCENTILE)),
        float(metrics.compute_average_surface_distance(**on_surface, symmetric=True)),
        (near[0], near[1]),
        sizes,
    )


def _measures(
    dice: float | None,
    hd95: float | None,
    assd: float | None,
    surface_dice: tuple[float | None, float | None],
    sizes: tuple[float, float],
) -> MaskMeasures:
    truth, found = sizes
    error = found - truth
    return MaskMeasures(
        dice=_rounded(dice),
        hd95_mm=_rounded(hd95),
        assd_mm=_rounded(assd),
        surface_dice_05mm=_rounded(surface_dice[0]),
        surface_dice_1mm=_rounded(surface_dice[1]),
        reference_mm3=round(truth, _DIGITS),
        found_mm3=round(found, _DIGITS),
        volume_error_mm3=round(error, _DIGITS),
        volume_error_percent=_rounded(100 * error / truth if truth else None),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
