from __future__ import annotations

import pytest
import torch
from neosegdino.training.calibration import Reliability, fit_shift, fit_temperature, in_question, shifted
from torch import Tensor

SHAPE = (2, 3, 24, 24, 24)


def drawn(scores: Tensor, seed: int = 1) -> Tensor:
    """Classes as often as their probability says."""
    flat = scores.softmax(1).movedim(1, -1).reshape(-1, scores.shape[1])
    picked = torch.multinomial(flat, 1, generator=torch.Generator().manual_seed(seed))
    return picked.reshape(len(scores), *scores.shape[2:])


def some_scores(seed: int = 0) -> Tensor:
    return 2 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def sure(*probabilities: float, count: int = 1) -> Tensor:
    """The same probabilities in some voxels ``(1, C, count, 1, 1)``."""
    return torch.tensor(probabilities)[None, :, None, None, None].expand(-1, -1, count, -1, -1)


def classes(*values: int) -> Tensor:
    return torch.tensor(values)[None, :, None, None]


def test_confidence_that_is_right_as_often_as_it_says_has_no_error() -> None:
    reliability = Reliability()
    reliability.add(some_scores().softmax(1), drawn(some_scores()))
    assert reliability.error < 0.01


def test_the_error_is_the_distance_of_confidence_and_accuracy() -> None:
    """0.9 and right in one of two: off by 0.4; 0.6 and right in all of two: off by 0.4; weighted by voxels."""
    reliability = Reliability()
    reliability.add(sure(0.1, 0.9, 0.0, count=2), classes(1, 2))
    assert reliability.error == pytest.approx(0.4)
    reliability.add(sure(0.4, 0.0, 0.6, count=6), classes(2, 2, 2, 2, 2, 2))
    assert reliability.error == pytest.approx(0.4)
    reliability.add(sure(0.0, 1.0, 0.0, count=8), classes(*[1] * 8))
    assert reliability.error == pytest.approx(0.2)


def test_sure_background_does_not_count() -> None:
    reliability = Reliability()
    reliability.add(sure(0.3, 0.7, 0.0, count=4), classes(1, 1, 1, 0))
    before = reliability.error
    reliability.add(sure(0.992, 0.004, 0.004, count=1000), classes(*[0] * 1000))
    assert reliability.error == before
    assert in_question(sure(0.985, 0.003, 0.012)).all()
    assert not in_question(sure(0.985, 0.0075, 0.0075)).any()


def test_images_add_up() -> None:
    scores, target = some_scores(), drawn(some_scores())
    together, apart = Reliability(), Reliability()
    together.add(scores.softmax(1), target)
    for image, truth in zip(scores, target, strict=True):
        apart.add(image[None].softmax(1), truth[None])
    assert apart.error == pytest.approx(together.error)
    assert apart.count.sum() == together.count.sum() > 0


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_the_temperature_of_the_scores_is_found_again(temperature: float) -> None:
    """Scores that are too sure by a factor, or too unsure, in half precision as they are kept."""
    samples = [((some_scores(n) * temperature).half(), drawn(some_scores(n), n)) for n in range(3)]
    found = fit_temperature(samples)
    assert found == pytest.approx(temperature, abs=0.051)
    before, after = Reliability(), Reliability()
    for scores, target in samples:
        before.add(scores.float().softmax(1), target)
        after.add((scores.float() / found).softmax(1), target)
    assert after.error < 0.015
    assert temperature == 1 or before.error > 2 * after.error


def ball(radius: float) -> tuple[Tensor, Tensor]:
    """Scores that fall with the distance from the middle, and the classes of a ball of a radius cut in two."""
    grid = torch.linspace(-12, 12, 24)
    x, y, z = torch.meshgrid(grid, grid, grid, indexing="ij")
    distance = (x.square() + y.square() + z.square()).sqrt()
    target = torch.where(distance < radius, 1 + (x > 0).long(), 0)
    side = torch.stack([(x <= 0).float(), (x > 0).float()])
    scores = torch.cat([torch.zeros_like(distance)[None], (8 - distance) * side - 9 * (1 - side)])
    return scores[None], target[None]


@pytest.mark.parametrize(("radius", "shift"), [(8.0, 0.0), (9.5, 1.5), (7.25, -0.75), (10.5, 2.5)])
def test_the_border_of_the_best_dice_is_found(radius: float, shift: float) -> None:
    """Scores that end at a radius of 8, a unit of them for each voxel."""
    scores, target = ball(radius)
    found = fit_shift([(scores.half(), target)])
    assert found == pytest.approx(shift, abs=0.26)
    assert fit_shift([(shifted(scores, found), target)]) == pytest.approx(0, abs=0.26)


def test_a_shift_is_of_the_foreground_alone() -> None:
    scores, _ = ball(8)
    assert torch.equal(shifted(scores, 2.0)[:, 0], scores[:, 0])
    assert torch.equal(shifted(scores, 2.0)[:, 1:], scores[:, 1:] + 2)


def test_an_image_without_hippocampi_says_nothing_of_their_border() -> None:
    scores, target = ball(9.5)
    empty = torch.zeros_like(target)
    assert fit_shift([(scores, target), (scores, empty)]) == fit_shift([(scores, target)])
    assert fit_shift([(scores, empty)]) == 0
