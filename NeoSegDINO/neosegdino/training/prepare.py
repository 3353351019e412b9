"""A case on the model's grid, with a margin for augmentation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neosegdino import geometry, intensity
from neosegdino.cases.case import SIDES
from neosegdino.cases.loading import LoadedCase
from neosegdino.errors import CaseError
from neosegdino.geometry import Affine, Grid
from neosegdino.spec import BundleSpec, Shape
from neosegdino.windows import WindowGrid, full_cut

MARGIN = 16
"""Voxels kept on every side of the windows, which a turned or shifted view shows."""


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case as training uses it.

    Attributes
    ----------
    name : str
        The case's.
    key : str
        SHA-256 of all that is in it, and of the preprocessing.
    image : Tensor
        ``(1, X + 2 M, Y + 2 M, Z + 2 M)`` float32, scaled; M is the margin.
    target : Tensor
        uint8 classes on the same voxels.
    cut : WindowGrid
        Windows on the voxels inside the margin.
    affine : (4, 4) float array
        Of the voxels inside the margin.
    """

    name: str
    key: str
    image: Tensor
    target: Tensor
    cut: WindowGrid
    affine: Affine

    @property
    def shape(self) -> Shape:
        """Voxels inside the margin."""
        x, y, z = (n - 2 * MARGIN for n in self.target.shape)
        return x, y, z


def prepare_case(loaded: LoadedCase, spec: BundleSpec, centre: NDArray[np.float64] | None = None) -> PreparedCase:
    """Bring image and labels to the model's grid, as segmenting does.

    Parameters
    ----------
    loaded : LoadedCase
        The case.
    spec : BundleSpec
        Grid, windows and scaling.
    centre : (3,) float array, optional
        RAS point in the middle of located windows; by default where the labels say that the hippocampi are.

    Raises
    ------
    CaseError
        The labels are empty.
    VolumeError
        The image has no contrast.
    """
    volume = loaded.volume
    if not loaded.labels.any():
        raise CaseError(f"Case {loaded.case.name}: its labels are empty.", "Check the values of left and right.")
    cleaned = intensity.clean(volume)
    levels = intensity.levels(cleaned.data, spec.preprocessing.percentile, volume.source)
    grid, cut = _place(loaded, cleaned.data, levels.threshold, spec, centre)
    wide = _widened(grid)
    image = geometry.resample(cleaned.data, volume.affine, wide, fill=levels.base)
    image = intensity.scale(image, spec.preprocessing, levels)
    target = _target(loaded, wide)
    return PreparedCase(
        loaded.case.name,
        _key(image, target, cut, spec),
        torch.from_numpy(np.ascontiguousarray(image))[None],
        torch.from_numpy(target),
        cut,
        grid.affine,
    )


def windows_of(loaded: LoadedCase, spec: BundleSpec) -> int:
    """Number of windows of a case, without preparing it."""
    cleaned = intensity.clean(loaded.volume)
    levels = intensity.levels(cleaned.data, spec.preprocessing.percentile, loaded.volume.source)
    return len(_place(loaded, cleaned.data, levels.threshold, spec)[1])


def _place(
    loaded: LoadedCase,
    data: NDArray[np.float32],
    threshold: float,
    spec: BundleSpec,
    centre: NDArray[np.float64] | None = None,
) -> tuple[Grid, WindowGrid]:
    """Model's grid and windows: around the hippocampi, or over the whole head."""
    window, spacing = spec.windows.size, spec.preprocessing.spacing_mm
    counts = (1, 1, 1) if spec.windows.default == "located" else spec.windows.counts
    if counts is not None:
        cut = WindowGrid(window, counts, (0, 0, 0))
        return geometry.centred_grid(_middle(loaded) if centre is None else centre, cut.extent, spacing), cut
    volume = loaded.volume
    box = geometry.foreground_box(data, threshold)
    grid = geometry.ras_grid(geometry.bounds(volume.shape, volume.affine, box), spacing)
    return grid, full_cut(grid.shape, window)


def _middle(loaded: LoadedCase) -> NDArray[np.float64]:
    """Middle of both hippocampi, or of the one that is there, in RAS mm."""
    from neosegdino.measure import centroids_ras

    return np.asarray(np.mean(list(centroids_ras(loaded.labels, loaded.volume.affine).values()), axis=0))


def _widened(grid: Grid) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] = grid.points(np.full(3, -float(MARGIN)))
    x, y, z = (n + 2 * MARGIN for n in grid.shape)
    return Grid((x, y, z), affine)


def _target(loaded: LoadedCase, grid: Grid) -> NDArray[np.uint8]:
    """Class of every voxel: each side is interpolated by itself, then the largest share wins."""
    masks = np.stack([loaded.labels == value for value in SIDES.values()])
    shares = geometry.resample(masks, loaded.volume.affine, grid)
    background = 1 - shares.sum(axis=0, keepdims=True)
    winners: NDArray[np.uint8] = np.concatenate([background, shares]).argmax(axis=0).astype(np.uint8)
    return winners


def _key(image: NDArray[np.float32], target: NDArray[np.uint8], cut: WindowGrid, spec: BundleSpec) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(image).data)
    digest.update(np.ascontiguousarray(target).data)
    digest.update(repr((image.shape, cut)).encode())
    digest.update(msgspec.json.encode(spec.preprocessing))
    return digest.hexdigest()
