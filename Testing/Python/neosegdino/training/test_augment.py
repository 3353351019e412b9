from __future__ import annotations

import pytest
import torch
from neosegdino.training.augment import Augmentation, exchanged
from neosegdino.training.prepare import MARGIN
from torch import Tensor

SHAPE = (40, 24, 28)
SEEDS = range(12)


def balls(left: bool = True, right: bool = True) -> tuple[Tensor, Tensor]:
    """A bright ball on the left, a dim one on the right, and their classes."""
    wide = [n + 2 * MARGIN for n in SHAPE]
    places = torch.stack(torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in wide), indexing="ij"))
    middle = torch.tensor([(n - 1) / 2 for n in wide])
    image = torch.full(wide, 0.2)
    target = torch.zeros(wide, dtype=torch.uint8)
    for wanted, side, label, value in ((left, -9.0, 1, 1.0), (right, 9.0, 2, 0.6)):
        centre = middle + torch.tensor([side, 0.0, 0.0])
        ball = (places - centre[:, None, None, None]).norm(dim=0) < 6
        if wanted:
            image[ball], target[ball] = value, label
    return image[None], target


def middle_of(target: Tensor, label: int) -> float:
    return float((target == label).nonzero()[:, 0].float().mean())


def test_shape_and_type_and_no_surprises() -> None:
    image, target = balls()
    kept = image.clone(), target.clone()
    draw = Augmentation(SHAPE, mirror=True)
    for seed in (*SEEDS, 2**32 - 1):
        drawn, classes = draw(image, target, seed)
        assert drawn.shape == (1, *SHAPE) and classes.shape == SHAPE
        assert type(drawn) is Tensor and type(classes) is Tensor
        assert (drawn.dtype, classes.dtype) == (torch.float32, torch.uint8)
        assert bool(torch.isfinite(drawn).all()) and float(drawn.min()) >= 0 and float(drawn.max()) < 4
        assert set(classes.unique().tolist()) <= {0, 1, 2}
    assert torch.equal(image, kept[0]) and torch.equal(target, kept[1])


def test_an_empty_image_stays_finite() -> None:
    nothing = torch.zeros(1, *(n + 2 * MARGIN for n in SHAPE))
    draw = Augmentation(SHAPE, mirror=True)
    for seed in SEEDS:
        assert bool(torch.isfinite(draw(nothing, nothing[0].to(torch.uint8), seed)[0]).all())


def test_the_seed_says_which_view() -> None:
    views = [Augmentation(SHAPE, mirror=True)(*balls(), seed) for seed in SEEDS]
    draw = Augmentation(SHAPE, mirror=True)
    for seed in reversed(SEEDS):  # whatever was drawn before
        image, target = draw(*balls(), seed)
        assert torch.equal(image, views[seed][0]) and torch.equal(target, views[seed][1])
    assert len({image.sum().item() for image, _ in views}) == len(views)
    assert len({target.float().mul(torch.arange(SHAPE[2])).sum().item() for _, target in views}) == len(views)


def test_torchs_own_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    Augmentation(SHAPE, mirror=True)(*balls(), 5)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("mirror", [True, False])
def test_left_stays_left(mirror: bool) -> None:
    draw = Augmentation(SHAPE, mirror)
    for seed in SEEDS:
        _, target = draw(*balls(), seed)
        assert middle_of(target, 1) < middle_of(target, 2)


def test_every_other_view_is_mirrored_and_none_without_the_wish() -> None:
    """A mirrored view is the other one with its first axis turned and its labels exchanged."""
    mirrored = 0
    for seed in SEEDS:
        image, target = Augmentation(SHAPE, mirror=True)(*balls(), seed)
        plain, classes = Augmentation(SHAPE, mirror=False)(*balls(), seed)
        if torch.equal(image, plain):
            assert torch.equal(target, classes)
            continue
        mirrored += 1
        assert torch.equal(image, plain.flip(1)) and torch.equal(target, exchanged(classes.flip(0)))
        assert float(image[0][target == 2].mean()) > float(image[0][target == 1].mean())  # the bright ball went right
    assert mirrored == len(SEEDS) // 2


def test_image_and_labels_move_together() -> None:
    for mirror in (False, True):
        draw = Augmentation(SHAPE, mirror)
        for seed in SEEDS:
            image, target = draw(*balls(), seed)
            bright, dim = (2, 1) if mirror and seed % 2 else (1, 2)
            inside = [float(image[0][target == label].median()) for label in (bright, dim, 0)]
            assert inside[0] > inside[1] > inside[2], seed


def test_the_ball_is_where_its_label_is() -> None:
    draw = Augmentation(SHAPE, mirror=True)
    for seed in SEEDS:
        image, target = draw(*balls(right=False), seed)
        label = target > 0
        brightest = image[0].flatten().topk(int(label.sum())).indices
        hit = label.flatten()[brightest].float().mean()
        assert float(hit) > 0.75, seed


def test_views_are_turned_and_moved_but_keep_both_sides() -> None:
    draw = Augmentation(SHAPE, mirror=False)
    sizes, places = [], []
    for seed in range(24):
        _, target = draw(*balls(), seed)
        sizes.append(int((target == 1).sum()))
        places.append(middle_of(target, 1))
    plain = int((balls()[1] == 1).sum())
    assert min(sizes) > 0.3 * plain and max(sizes) < 2 * plain
    assert max(places) - min(places) > 8


def test_exchanging_twice_changes_nothing() -> None:
    _, target = balls()
    once = exchanged(target)
    assert once.dtype == torch.uint8
    assert torch.equal(once == 1, target == 2) and torch.equal(once == 2, target == 1)
    assert torch.equal(exchanged(once), target)
