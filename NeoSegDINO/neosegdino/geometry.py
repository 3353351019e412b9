"""The one place that knows geometry: grids, boxes and resampling between them.

Affines map voxel indices to RAS millimetres. Arrays are indexed ``(i, j, k)`` as the affine's columns are. The model's
grid is parallel to the RAS axes themselves, so one physical head gives one image whatever the axis order, the flips or
the obliquity of its file.

scipy is imported where it is used: who only reads or writes a volume, as Slicer does beside its window, needs no scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neosegdino.errors import VolumeError

Array = NDArray[Any]
Affine = NDArray[np.float64]
Slices = tuple[slice, slice, slice]

MIN_SPACING_MM = 0.05
MAX_SPACING_MM = 10.0
_FWHM = 2.3548200450309493
"""Full width at half maximum of a Gaussian, in standard deviations."""
_TRUNCATE = 3.0
"""Radius of the anti-aliasing kernel, in standard deviations."""
_ALIGNED_VOXELS = 1e-3
"""Drift over the whole grid below which two grids count as parallel, in source voxels."""
_EDGE_VOXELS = 1e-4
"""Points this little outside of the source count as inside, so that rounding cannot open a seam."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of an array are.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the three array axes.
    affine : (4, 4) float array
        Voxel index to RAS mm.
    """

    shape: tuple[int, int, int]
    affine: Affine

    def points(self, indices: Array) -> NDArray[np.float64]:
        """Return the RAS points in mm, shape (..., 3), of voxel indices of shape (..., 3)."""
        return _transform(self.affine, indices)

    def indices(self, points: Array) -> NDArray[np.float64]:
        """Return the fractional voxel indices, shape (..., 3), of RAS points in mm of shape (..., 3)."""
        return _transform(np.linalg.inv(self.affine), points)

    def crop(self, slices: Slices) -> Grid:
        """Return the grid of a sub-box, given as slices with start and stop."""
        start = np.array([part.start for part in slices])
        affine = self.affine.copy()
        affine[:3, 3] = self.points(start)
        first, second, third = (part.stop - part.start for part in slices)
        return Grid((first, second, third), affine)


def ras_grid(bounds_mm: Array, spacing_mm: Sequence[float]) -> Grid:
    """Return the smallest grid parallel to the RAS axes that covers a box, centred on it.

    Parameters
    ----------
    bounds_mm : (3, 2) float array
        Lower and upper R, A, S of the box, in mm.
    spacing_mm : sequence of 3 floats
        Voxel size along R, A, S.

    Returns
    -------
    Grid
        Its voxels, edges included, cover the box.
    """
    bounds_mm = np.asarray(bounds_mm, dtype=np.float64)
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    counts = np.maximum(np.ceil((bounds_mm[:, 1] - bounds_mm[:, 0]) / spacing - 1e-6), 1)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = bounds_mm.mean(axis=1) - (counts - 1) / 2 * spacing
    return Grid((int(counts[0]), int(counts[1]), int(counts[2])), affine)


def centred_grid(centre: Array, shape: tuple[int, int, int], spacing_mm: Sequence[float]) -> Grid:
    """Return the grid parallel to the RAS axes whose middle is a point in RAS mm."""
    affine = np.diag([*(float(side) for side in spacing_mm), 1.0])
    affine[:3, 3] = np.asarray(centre) - (np.array(shape) - 1) / 2 * np.asarray(spacing_mm)
    return Grid(shape, affine)


def reversed_grid(grid: Grid, axis: int) -> Grid:
    """Return the grid over the same space whose index runs the other way along one axis."""
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, axis] * (grid.shape[axis] - 1)
    affine[:3, axis] *= -1
    return Grid(grid.shape, affine)


def bounds(shape: Sequence[int], affine: Affine, mask_box: Array | None = None) -> NDArray[np.float64]:
    """Return the RAS bounds of a volume or of a box in it, voxel edges included.

    Parameters
    ----------
    shape : sequence of 3 ints
        Shape of the volume.
    affine : (4, 4) float array
        Voxel index to RAS mm.
    mask_box : (3, 2) int array, optional
        First index and the one past the last, per array axis; the whole volume by default.

    Returns
    -------
    (3, 2) float array
        Lower and upper R, A, S in mm.
    """
    box = np.array([(0, count) for count in shape[:3]]) if mask_box is None else np.asarray(mask_box)
    corners = _transform(affine, _corners(box - 0.5))
    return np.stack([corners.min(axis=0), corners.max(axis=0)], axis=1)


def foreground_box(data: Array, threshold: float) -> NDArray[np.int64]:
    """Return the index box of the voxels above a threshold.

    Parameters
    ----------
    data : (x, y, z) array
        Image.
    threshold : float
        Voxels above it are foreground.

    Returns
    -------
    (3, 2) int array
        First index and the one past the last, per axis; the box of the whole image when nothing is above.
    """
    mask = data > threshold
    box = np.array([(0, count) for count in data.shape], dtype=np.int64)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        if hits.size:
            box[axis] = hits[0], hits[-1] + 1
    return box


def box_on(grid_a: Grid, shape_b: Sequence[int], affine_b: Affine, margin: int = 1) -> Slices:
    """Return the part of volume `b` that covers grid `a`.

    Parameters
    ----------
    grid_a : Grid
        What is to be covered, voxel edges included.
    shape_b, affine_b
        The other volume.
    margin : int, optional
        Further voxels of `b` on each side.

    Returns
    -------
    tuple of 3 slices
        Index box in `b`, inside its shape; of length 0 along an axis where they do not meet.
    """
    corners = _corners(np.array([(0, count) for count in grid_a.shape]) - 0.5)
    inside = _transform(np.linalg.inv(affine_b) @ grid_a.affine, corners)
    return _clamped(inside.min(axis=0), inside.max(axis=0), shape_b, np.full(3, margin))


def check_affine(affine: Array, source: str) -> None:
    """Refuse an affine that cannot be one of a head scan.

    Raises
    ------
    VolumeError
        It is not finite, is singular or nearly so, or a voxel side is outside of 0.05 to 10 mm.
    """
    remedy = "Convert the original DICOM series again, or correct the header's orientation and voxel size."
    affine = np.asarray(affine, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or not np.allclose(affine[3], (0, 0, 0, 1)):
        raise VolumeError(f"{source}: the voxel-to-patient matrix is not a finite affine matrix.", remedy)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if (spacing < MIN_SPACING_MM).any() or (spacing > MAX_SPACING_MM).any():
        sides = " x ".join(f"{side:.4g}" for side in spacing)
        limits = f"{MIN_SPACING_MM:g} to {MAX_SPACING_MM:g} mm"
        raise VolumeError(f"{source}: the voxel size of {sides} mm is outside of {limits}.", remedy)
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < 0.01:
        raise VolumeError(f"{source}: the voxel-to-patient matrix is singular (two axes are parallel).", remedy)


def resample(data: Array, affine: Affine, grid: Grid, *, fill: float | Sequence[float] = 0.0) -> NDArray[np.float32]:
    """Interpolate an image linearly on another grid.

    Where the grid is coarser than the source, the source is first smoothed by a Gaussian whose full width at half
    maximum makes up the difference of the voxel sizes. A voxel's value holds up to its edge; beyond the source's outer
    edges stands `fill`. Only the part of the source that the grid needs is read.

    Parameters
    ----------
    data : (x, y, z) or (c, x, y, z) array
        Finite image or channels of any real type.
    affine : (4, 4) float array
        Voxel index of `data` to RAS mm.
    grid : Grid
        Where values are wanted.
    fill : float or sequence of float, optional
        Value outside of the source, one for all or one per channel.

    Returns
    -------
    float32 array
        Shape of the grid, with the channels in front if `data` has them.
    """
    channels = data if data.ndim == 4 else data[np.newaxis]
    fills = np.broadcast_to(np.asarray(fill, dtype=np.float32), (len(channels),))
    # Walk through the source in the order in which it lies in memory, whichever that is.
    memory = sorted(range(3), key=lambda axis: -abs(channels.strides[axis + 1]))
    channels = channels.transpose(0, *(axis + 1 for axis in memory))
    to_source = (np.linalg.inv(affine) @ grid.affine)[[*memory, 3]]
    sigma = _smoothing(to_source[:3, :3])
    corners = _transform(to_source, _corners(np.array([(0, count - 1) for count in grid.shape])))
    shape = channels.shape[1:]
    box = _clamped(corners.min(axis=0), corners.max(axis=0), shape, 1 + np.ceil(_TRUNCATE * sigma).astype(int))
    output = np.empty((len(channels), *grid.shape), dtype=np.float32)
    if any(part.stop <= part.start for part in box):
        output[:] = fills[:, None, None, None]
        return output if data.ndim == 4 else output[0]

    to_box = to_source.copy()
    to_box[:3, 3] -= [part.start for part in box]
    axes = _aligned_axes(to_source[:3, :3], grid.shape)
    for index, channel in enumerate(channels):
        if axes is None:
            output[index] = _oblique(channel[box], to_box, grid.shape, sigma)
        else:
            output[index] = _separable(channel[box], to_box, grid.shape, sigma, axes)
    limits = np.asarray(shape) - 0.5 + _EDGE_VOXELS
    if (corners < -0.5 - _EDGE_VOXELS).any() or (corners > limits).any():
        outside = _outside(to_source, shape, grid.shape)
        for index, value in enumerate(fills):
            np.copyto(output[index], value, where=outside)
    return output if data.ndim == 4 else output[0]


def _transform(matrix: Array, points: Array) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = np.asarray(points, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _corners(box: Array) -> NDArray[np.float64]:
    """Return the 8 corners, shape (8, 3), of a (3, 2) box."""
    return np.stack(np.meshgrid(*np.asarray(box, dtype=np.float64), indexing="ij"), axis=-1).reshape(-1, 3)


def _clamped(low: Array, high: Array, shape: Sequence[int], margin: Array) -> Slices:
    """Return whole-voxel slices inside `shape` that hold the indices from `low` to `high`, and a margin."""
    start = np.clip(np.floor(low + 1e-6).astype(int) - margin, 0, shape)
    stop = np.clip(np.ceil(high - 1e-6).astype(int) + 1 + margin, start, shape)
    first, second, third = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return first, second, third


def _smoothing(to_source: Array) -> NDArray[np.float64]:
    """Return the anti-aliasing sigma along each source axis, in source voxels.

    The columns of `to_source` are the target's voxel sides in source voxels. A target voxel's kernel minus the
    source's own is what must be added, direction by direction, and nothing where the target is finer.
    """
    values, vectors = np.linalg.eigh(to_source @ to_source.T - np.eye(3))
    excess = np.einsum("ab,b,ab->a", vectors, np.maximum(values, 0), vectors)
    sigma: NDArray[np.float64] = np.where(excess > 1e-3, np.sqrt(np.maximum(excess, 0)) / _FWHM, 0.0)
    return sigma


def _aligned_axes(to_source: Array, shape: Sequence[int]) -> tuple[int, int, int] | None:
    """Return which source axis each target axis runs along, or None where the grids are not parallel."""
    first, second, third = (int(axis) for axis in np.abs(to_source).argmax(axis=0))
    drift = np.abs(to_source) * np.asarray(shape)
    drift[[first, second, third], [0, 1, 2]] = 0
    if len({first, second, third}) < 3 or drift.max() > _ALIGNED_VOXELS:
        return None
    return first, second, third


def _separable(
    data: Array, to_source: Affine, shape: Sequence[int], sigma: Array, axes: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Interpolate between parallel grids: one small matrix per axis, smoothing included."""
    matrices = []
    for axis, count in enumerate(data.shape):
        target = axes.index(axis)
        positions = to_source[axis, target] * np.arange(shape[target]) + to_source[axis, 3]
        matrices.append(_line_matrix(positions, count, sigma[axis]))
    return _along_all(matrices, np.ascontiguousarray(data, dtype=np.float32)).transpose(axes)


def _line_matrix(positions: Array, count: int, sigma: float) -> NDArray[np.float32]:
    """Return the (positions, count) matrix that smooths a line of voxels and interpolates it at the positions."""
    positions = positions.clip(0, count - 1)
    lower = np.minimum(positions.astype(int), max(count - 2, 0))
    weight = positions - lower
    matrix = np.zeros((len(positions), count))
    rows = np.arange(len(positions))
    matrix[rows, lower] = 1 - weight
    matrix[rows, np.minimum(lower + 1, count - 1)] += weight
    if sigma > 0:
        from scipy import ndimage

        matrix = matrix @ ndimage.gaussian_filter1d(np.eye(count), sigma, axis=0, mode="nearest", truncate=_TRUNCATE)
    return matrix.astype(np.float32)


def _along_all(matrices: Sequence[NDArray[np.float32]], data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply the lines of `data` along its first, second and third axis by one matrix each.

    Each product moves its axis to the end, so that three large products suffice and the axes end in their order.
    """
    for matrix in matrices:
        _, second, third = data.shape
        data = (data.reshape(len(data), -1).T @ matrix.T).reshape(second, third, len(matrix))
    return data


def _oblique(data: Array, to_source: Affine, shape: tuple[int, int, int], sigma: Array) -> NDArray[np.float32]:
    """Interpolate between grids of any relative position."""
    from scipy import ndimage

    work = np.ascontiguousarray(data, dtype=np.float32)
    if sigma.any():
        lines = zip(work.shape, sigma, strict=True)
        work = _along_all([_line_matrix(np.arange(count), count, width) for count, width in lines], work)
    result: NDArray[np.float32] = ndimage.affine_transform(
        work, to_source[:3, :3], to_source[:3, 3], shape, np.float32, order=1, mode="nearest", prefilter=False
    )
    return result


def _outside(to_source: Affine, shape: Sequence[int], grid_shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return which voxels of the grid have their centre beyond the source's outer voxel edges."""
    steps = np.ogrid[tuple(slice(0, count) for count in grid_shape)]
    matters = np.abs(to_source[:3, :3]) * np.asarray(grid_shape) > _EDGE_VOXELS
    outside = np.zeros(tuple(grid_shape), dtype=bool)
    for axis, count in enumerate(shape):
        # Between parallel grids only one term is left, and the comparison is one of a line instead of a volume.
        terms = [to_source[axis, target] * steps[target] for target in range(3) if matters[axis, target]]
        position = sum(terms, start=to_source[axis, 3])
        outside |= (position < -0.5 - _EDGE_VOXELS) | (position > count - 0.5 + _EDGE_VOXELS)
    return outside
