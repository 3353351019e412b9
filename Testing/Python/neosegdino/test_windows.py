from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from neosegdino.windows import WindowGrid, cut_around, disassemble, full_cut, reassemble

Shape = tuple[int, int, int]
sides = st.tuples(*[st.integers(1, 9)] * 3)
windows = st.tuples(*[st.integers(1, 5)] * 3)
counts = st.tuples(*[st.integers(1, 3)] * 3)
origins = st.tuples(*[st.integers(-12, 12)] * 3)
grids = st.builds(WindowGrid, windows, counts, origins)


def numbered(channels: int, *shape: int) -> torch.Tensor:
    """Every voxel a number of its own, none of them 0."""
    return torch.arange(1, 1 + channels * math.prod(shape), dtype=torch.float64).reshape(channels, *shape)


def covered(grid: WindowGrid, shape: Shape) -> torch.Tensor:
    """Voxels of a volume that lie in a window, told voxel by voxel."""
    mask = torch.zeros(shape, dtype=torch.bool)
    for voxel in itertools.product(*map(range, shape)):
        mask[voxel] = all(
            start <= place < start + count * size
            for place, start, count, size in zip(voxel, grid.origin, grid.counts, grid.window, strict=True)
        )
    return mask


@given(sides, grids)
def test_volume_comes_back_where_windows_lie_and_the_fill_elsewhere(shape: Shape, grid: WindowGrid) -> None:
    volume = numbered(2, *shape)
    again = reassemble(disassemble(volume, grid, fill=-1), grid, shape, fill=-7)
    assert torch.equal(again, torch.where(covered(grid, shape), volume, -7.0))


@given(grids, st.integers(0, 3), st.integers(0, 3))
def test_windows_come_back_with_their_padding(grid: WindowGrid, before: int, after: int) -> None:
    """A volume that holds all windows keeps them whole, so cutting it again gives the same windows."""
    parts = numbered(len(grid) * 2, *grid.window).reshape(len(grid), 2, *grid.window)
    inner = WindowGrid(grid.window, grid.counts, (before, before, before))
    shape = [before + extent + after for extent in grid.extent]
    assert torch.equal(disassemble(reassemble(parts, inner, shape), inner), parts)


@given(sides, grids, st.floats(-5, 5))
def test_every_window_voxel_is_the_volume_there_or_padding(shape: Shape, grid: WindowGrid, fill: float) -> None:
    volume = numbered(1, *shape)
    parts = disassemble(volume, grid, fill)
    assert parts.shape == (len(grid), 1, *grid.window)
    for number, position in enumerate(itertools.product(*map(range, grid.counts))):
        corner = [o + p * w for o, p, w in zip(grid.origin, position, grid.window, strict=True)]
        for offset in itertools.product(*map(range, grid.window)):
            place = tuple(c + o for c, o in zip(corner, offset, strict=True))
            inside = all(0 <= p < s for p, s in zip(place, shape, strict=True))
            expected = volume[(0, *place)] if inside else torch.tensor(fill, dtype=torch.float64)
            assert parts[(number, 0, *offset)] == expected


@given(sides, windows)
def test_full_cut_covers_all_with_the_fewest_windows_and_loses_nothing(shape: Shape, window: Shape) -> None:
    grid = full_cut(shape, window)
    assert grid.counts == tuple(math.ceil(s / w) for s, w in zip(shape, window, strict=True))
    volume = numbered(1, *shape)
    assert torch.equal(reassemble(disassemble(volume, grid), grid, shape), volume)
    for origin, extent, size in zip(grid.origin, grid.extent, shape, strict=True):
        before, after = -origin, origin + extent - size
        assert before >= 0
        assert after >= 0
        assert abs(before - after) <= 1, "the volume is not in the middle of its windows"


@given(st.tuples(*[st.floats(-20, 20)] * 3), windows, counts)
def test_cut_around_puts_the_point_in_the_middle(centre: tuple[float, ...], window: Shape, counts: Shape) -> None:
    grid = cut_around(centre, window, counts)
    middle = [o + (e - 1) / 2 for o, e in zip(grid.origin, grid.extent, strict=True)]
    assert all(abs(m - c) <= 0.5 + 1e-9 for m, c in zip(middle, centre, strict=True))


@pytest.mark.parametrize("origin", [(40, 0, 0), (0, -40, 0), (3, 3, 40)])
def test_windows_beyond_the_volume_are_all_padding(origin: Shape) -> None:
    grid = WindowGrid((4, 4, 4), (2, 1, 1), origin)
    volume = numbered(1, 6, 6, 6)
    assert (disassemble(volume, grid, 9) == 9).all()
    assert (reassemble(torch.ones(2, 1, 4, 4, 4), grid, (6, 6, 6), 3.0) == 3).all()


def test_one_fill_per_channel() -> None:
    grid = WindowGrid((1, 1, 1), (1, 1, 1), (0, 0, 0))
    volume = reassemble(torch.full((1, 3, 1, 1, 1), 5.0), grid, (2, 1, 1), torch.tensor([1.0, 0.0, 0.5]))
    assert volume[:, :, 0, 0].tolist() == [[5, 1], [5, 0], [5, 0.5]]


def test_gradient_of_cutting_is_putting_together() -> None:
    """What the second pass relies on: the adjoint of one is the other, at the border too."""
    torch.manual_seed(0)
    grid = WindowGrid((3, 4, 2), (2, 2, 3), (-2, 1, -1))
    parts = torch.randn(len(grid), 2, *grid.window, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 5, 7, 6, dtype=torch.float64)
    (reassemble(parts, grid, weight.shape[1:]) * weight).sum().backward()
    assert torch.equal(parts.grad, disassemble(weight, grid))  # type: ignore[arg-type]
