from __future__ import annotations

import pytest
import torch
from neosegdino.synthesis.anatomy import (
    HIPPOCAMPAL_RIMS,
    INTERNAL_CAPSULE,
    LEFT_HIPPOCAMPUS,
    RIGHT_HIPPOCAMPUS,
    WHITE,
)
from neosegdino.synthesis.contrast import fade_rims, sample_means
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.label_maps import LabelMaps

COUNT = 400


def means(maps: LabelMaps, **changes: object) -> torch.Tensor:
    mirror = torch.from_numpy(maps.mirror_table())
    return sample_means(Draw(0, "cpu"), maps.labels, mirror, COUNT, **changes)  # type: ignore[arg-type]


def test_means_are_in_range_and_both_sides_look_alike(label_maps: LabelMaps) -> None:
    table = means(label_maps)
    assert table.shape == (COUNT, len(label_maps.labels))
    assert table.min() >= 0
    assert table.max() <= 1.2
    for left, right in ((17, 53), (2, 41), (3, 42), (4, 43)):
        assert torch.equal(table[:, label_maps.index(left)], table[:, label_maps.index(right)])


def test_contrasts_of_newborns_and_others_occur(label_maps: LabelMaps) -> None:
    """White matter darker than grey, and brighter; fluid darkest, and brightest; air mostly black."""
    table = means(label_maps)
    white, grey, fluid = (table[:, label_maps.index(label)] for label in (2, 3, 4))
    for share in ((white < grey).float().mean(), (fluid < white).float().mean()):
        assert 0.2 < share < 0.8
    assert 0.7 < (table[:, 0] == 0).float().mean() < 0.95


@pytest.mark.parametrize(("contrast", "brighter"), [("newborn T1", 1), ("newborn T2", -1), ("adult T1", 0)])
def test_the_internal_capsule_is_myelinated_at_birth(contrast: str, brighter: int) -> None:
    """Against other white matter: brighter on a newborn's T1w, darker on the T2w; an adult's white is all alike."""
    labels = (0, *WHITE, *INTERNAL_CAPSULE)
    mirror = torch.tensor([0, 2, 1, 4, 3])
    table = sample_means(Draw(0, "cpu"), labels, mirror, COUNT, {contrast: 1.0})
    assert torch.equal(table[:, 3], table[:, 4])
    ratio = (table[:, 3] / table[:, 1]).log()
    if brighter:
        assert (ratio * brighter > 0).float().mean() > 0.9
    else:
        assert ratio.mean().abs() < 0.02


def test_hippocampi_fade_towards_white_matter_in_some_images() -> None:
    labels = (0, *WHITE, LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS, *HIPPOCAMPAL_RIMS[0], *HIPPOCAMPAL_RIMS[1])
    given = [torch.rand(COUNT, len(labels)) for _ in range(2)]
    tables = [table.clone() for table in given]
    fade_rims(Draw(0, "cpu"), tables, labels)
    white, inner, rim, next_in = slice(1, 3), slice(3, 5), slice(5, 7), slice(7, 9)
    shares, smaller = (
        [(t[:, part] - t[:, inner]) / (t[:, white] - t[:, inner]) for t in tables] for part in (rim, next_in)
    )
    assert all((less.abs() <= more.abs() + 1e-3).all() for less, more in zip(smaller, shares, strict=True))
    for table, before, share in zip(tables, given, shares, strict=True):
        assert torch.equal(table[:, :5], before[:, :5])
        assert 0.3 < (share.abs() < 1e-3).all(dim=1).float().mean() < 0.5, "in the others there is no rim to see"
        assert share.max() > 0.6
        assert share.min() > -1e-3
        assert share.max() < 0.701
        assert torch.allclose(share[:, 0], share[:, 1], atol=1e-2), "both sides look alike"
    assert not torch.allclose(*shares)


def test_maps_without_rims_stay_as_they_are(label_maps: LabelMaps) -> None:
    table = means(label_maps)
    before = table.clone()
    fade_rims(Draw(0, "cpu"), [table], label_maps.labels)
    assert torch.equal(table, before)
