from __future__ import annotations

import torch
from neosegdino.synthesis.deformation import SCALE, View, sample_points
from neosegdino.synthesis.draw import Draw

VIEW = View((24, 20, 16), 2.0, (6.0, 6.0, 6.0))
HIPPOCAMPI = torch.tensor([[35.0, 55.0, 45.0], [85.0, 55.0, 45.0]])


def points(seed: int, count: int, view: View = VIEW) -> tuple[torch.Tensor, torch.Tensor]:
    return sample_points(Draw(seed, "cpu"), view, HIPPOCAMPI.expand(count, 2, 3))


def test_views_lie_around_the_hippocampi() -> None:
    place, mirrored = points(0, 64)
    assert place.shape == (64, 24, 20, 16, 3)
    assert mirrored.dtype == torch.bool
    assert place.isfinite().all()
    reach = 6.0 * sum(SCALE) / 2 + 15  # the jitter, and what bending adds
    assert (place[:, 12, 10, 8] - HIPPOCAMPI.mean(0)).abs().max() < reach


def test_without_an_offset_the_middle_stays_about_the_middle() -> None:
    place, _ = points(0, 64, View((25, 21, 17), 2.0, (0.0, 0.0, 0.0)))
    assert (place[:, 12, 10, 8].mean(0) - HIPPOCAMPI.mean(0)).abs().max() < 2.5


def test_mirrored_views_run_the_other_way_along_x_alone() -> None:
    place, mirrored = points(1, 200)
    assert 60 < int(mirrored.sum()) < 140
    along = [place.diff(dim=1 + axis)[..., axis].flatten(1).mean(1) for axis in range(3)]
    assert torch.equal(along[0] < 0, mirrored)
    assert (along[1] > 0).all()
    assert (along[2] > 0).all()


def test_a_newborn_millimetre_is_more_than_one_of_an_adult() -> None:
    place, _ = points(2, 200)
    steps = place.diff(dim=2).norm(dim=-1).flatten(1).mean(1) / VIEW.spacing_mm
    assert steps.min() > SCALE[0] * 0.7
    assert steps.max() < SCALE[1] * 1.4
    assert steps.mean() > 1.3


def test_supersampling_covers_the_same_space() -> None:
    view = View((10, 12, 14), 2.4, (1.0, 2.0, 3.0), 30.0, supersampling=3)
    fine = view.fine()
    assert (fine.shape, fine.supersampling) == ((30, 36, 42), 1)
    assert all(
        abs(n * fine.spacing_mm - m * view.spacing_mm) < 1e-9 for n, m in zip(fine.shape, view.shape, strict=True)
    )
    assert fine.offset_mm == view.offset_mm
