from __future__ import annotations

import pytest
import torch
from neosegdino.synthesis import acquisition
from neosegdino.synthesis.acquisition import acquire
from neosegdino.synthesis.draw import Draw

SEEDS = range(8)


@pytest.mark.parametrize("spacing_mm", [0.8, 2.4])
@pytest.mark.parametrize("size", [7, 40])
def test_everything_linear_keeps_a_constant_image_constant(spacing_mm: float, size: int) -> None:
    for seed in SEEDS:
        thick = torch.arange(16) % 2 == 0
        matrix = acquisition._axis_matrix(Draw(seed, "cpu"), size, spacing_mm, thick)
        assert matrix.shape == (16, size, size)
        assert matrix.isfinite().all()
        assert torch.allclose(matrix.sum(-1), torch.ones(16, size), atol=1e-4)


def test_no_axis_is_shifted() -> None:
    """A bright plane stays where it is on average; only a ghost shows elsewhere, faintly."""
    size = 41
    drift = []
    for seed in SEEDS:
        matrix = acquisition._axis_matrix(Draw(seed, "cpu"), size, 0.8, torch.ones(32, dtype=torch.bool))
        drift.append(matrix[:, :, 20].argmax(1).float() - 20)
    assert torch.cat(drift).mean().abs() < 0.3
    assert torch.cat(drift).abs().max() <= 3


def test_images_stay_finite_and_positive_and_differ_in_sharpness() -> None:
    torch.manual_seed(0)
    image = torch.rand(16, 20, 24, 28)
    got = acquire(Draw(0, "cpu"), image, 0.8)
    assert got.shape == image.shape
    assert got.isfinite().all()
    assert got.min() >= 0
    edges = got.diff(dim=3).abs().mean(dim=(1, 2, 3))
    assert edges.max() > 2 * edges.min()


def test_black_stays_black_but_for_noise() -> None:
    got = acquire(Draw(0, "cpu"), torch.zeros(16, 12, 12, 12), 0.8)
    assert got.isfinite().all()
    assert got.median() < 0.1


def test_the_seed_decides() -> None:
    image = torch.rand(2, 10, 10, 10)
    assert torch.equal(acquire(Draw(3, "cpu"), image, 0.8), acquire(Draw(3, "cpu"), image, 0.8))
    assert not torch.equal(acquire(Draw(3, "cpu"), image, 0.8), acquire(Draw(4, "cpu"), image, 0.8))


@pytest.mark.parametrize(("grain", "least", "most"), [(0.0, -0.03, 0.03), (1.0, 0.5, 0.8)])
def test_grain_makes_neighbours_alike_and_no_noise_louder(grain: float, least: float, most: float) -> None:
    shape = torch.Size([2, 40, 40, 40])
    noise = acquisition._grainy(Draw(0, "cpu"), shape, torch.full((2, 1, 1, 1), grain))[:, 2:-2, 2:-2, 2:-2]
    assert float(noise.std()) == pytest.approx(1, abs=0.05)
    alike = (noise[:, 1:] * noise[:, :-1]).mean() / noise.var()
    assert least < float(alike) < most
