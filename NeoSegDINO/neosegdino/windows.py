"""Cut a volume into non-overlapping 3D windows and put windows together again, exactly (arXiv 2602.23962)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class WindowGrid:
    """Where the windows lie on the model's grid.

    Attributes
    ----------
    window : tuple of int
        Size of one window in voxels.
    counts : tuple of int
        Windows per axis; window ``n`` has the position ``unravel_index(n, counts)``.
    origin : tuple of int
        Voxel index of the first window's first voxel. It may be negative: what lies outside the volume is padding.
    """

    window: Shape
    counts: Shape
    origin: Shape

    def __len__(self) -> int:
        return math.prod(self.counts)

    @property
    def extent(self) -> Shape:
        """Size in voxels of all windows together."""
        x, y, z = (c * w for c, w in zip(self.counts, self.window, strict=True))
        return x, y, z


def full_cut(shape: Sequence[int], window: Shape) -> WindowGrid:
    """Fewest windows that cover a whole volume, centred on it.

    Parameters
    ----------
    shape : sequence of int
        The volume's ``(X, Y, Z)``.
    window : tuple of int
        Size of one window in voxels.
    """
    counts = tuple(max(1, math.ceil(s / w)) for s, w in zip(shape, window, strict=True))
    origin = tuple(-((c * w - s) // 2) for c, w, s in zip(counts, window, shape, strict=True))
    return WindowGrid(window, _shape(counts), _shape(origin))


def cut_around(centre: Sequence[float], window: Shape, counts: Shape = (1, 1, 1)) -> WindowGrid:
    """Windows around a point; one window by default, the paper's best setting.

    Parameters
    ----------
    centre : sequence of float
        Voxel coordinates of the point that lies in the middle of all windows.
    window, counts : tuple of int
        Size of one window and windows per axis.
    """
    origin = tuple(round(p - (c * w - 1) / 2) for p, c, w in zip(centre, counts, window, strict=True))
    return WindowGrid(window, counts, _shape(origin))


def disassemble(volume: Tensor, grid: WindowGrid, fill: float = 0.0) -> Tensor:
    """Windows of a volume; voxels outside the volume are ``fill``.

    Parameters
    ----------
    volume : Tensor
        ``(C, X, Y, Z)``.
    grid : WindowGrid
        Where the windows lie.
    fill : float
        Value of the padding.

    Returns
    -------
    Tensor
        ``(N, C, x, y, z)``.
    """
    canvas = volume.new_full((volume.shape[0], *grid.extent), fill)
    inside, source = _overlap(grid, volume.shape[1:])
    canvas[(slice(None), *inside)] = volume[(slice(None), *source)]
    split = canvas.reshape(volume.shape[0], *(n for pair in zip(grid.counts, grid.window, strict=True) for n in pair))
    return split.permute(1, 3, 5, 0, 2, 4, 6).reshape(len(grid), volume.shape[0], *grid.window)


def reassemble(windows: Tensor, grid: WindowGrid, shape: Sequence[int], fill: float | Tensor = 0.0) -> Tensor:
    """Volume from its windows; the inverse of `disassemble`.

    Parameters
    ----------
    windows : Tensor
        ``(N, C, x, y, z)`` in the order of the grid.
    grid : WindowGrid
        Where the windows lie.
    shape : sequence of int
        ``(X, Y, Z)`` of the volume; window voxels outside it are dropped.
    fill : float or Tensor
        Value where no window lies; a tensor gives one value per channel.

    Returns
    -------
    Tensor
        ``(C, X, Y, Z)``.
    """
    channels = windows.shape[1]
    split = windows.reshape(*grid.counts, channels, *grid.window).permute(3, 0, 4, 1, 5, 2, 6)
    canvas = split.reshape(channels, *grid.extent)
    values = torch.as_tensor(fill, dtype=windows.dtype, device=windows.device).expand(channels)
    volume = values[:, None, None, None].expand(channels, *shape).clone()
    inside, target = _overlap(grid, shape)
    volume[(slice(None), *target)] = canvas[(slice(None), *inside)]
    return volume


def _overlap(grid: WindowGrid, shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of the part shared by the canvas of all windows and by the volume, in either's indices."""
    inside, outside = [], []
    for origin, extent, size in zip(grid.origin, grid.extent, shape, strict=True):
        start, stop = max(0, origin), max(0, origin, min(size, origin + extent))
        inside.append(slice(start - origin, stop - origin))
        outside.append(slice(start, stop))
    return tuple(inside), tuple(outside)


def _shape(values: Sequence[int]) -> Shape:
    x, y, z = values
    return x, y, z
