from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from neosegdino.synthesis.anatomy import (
    FIRST_EXTRACEREBRAL,
    HIPPOCAMPI,
    LEFT_HIPPOCAMPUS,
    RIGHT_HIPPOCAMPUS,
    VENTRICLES,
)
from neosegdino.synthesis.contrast import KINDS
from neosegdino.synthesis.deformation import View, sample_points
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import LARGEST_CROP, Generator
from neosegdino.synthesis.label_maps import LabelMaps

NEAR = View((40, 32, 32), 2.0, (4.0, 4.0, 4.0), rotation_deg=20)
COARSE = View((20, 16, 16), 4.0, (4.0, 4.0, 4.0), supersampling=2)
VIEWS = pytest.mark.parametrize("view", [NEAR, COARSE], ids=["plain", "supersampled"])


def generator(maps: LabelMaps, seed: int = 0) -> Generator:
    return Generator(maps, Draw(seed, "cpu"))


@VIEWS
def test_the_seed_decides(label_maps: LabelMaps, view: View) -> None:
    first, again, other = (generator(label_maps, seed)(2, view) for seed in (7, 7, 8))
    for name in ("image", "structure", "target"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.image, other.image)


@VIEWS
def test_images_are_finite_and_scaled(label_maps: LabelMaps, view: View) -> None:
    make = generator(label_maps)
    for _ in range(6):
        batch = make(4, view)
        assert batch.image.shape == (4, 1, *view.shape)
        assert batch.target.shape == batch.structure.shape == (4, *view.shape)
        assert batch.target.dtype == batch.structure.dtype == torch.int64
        assert batch.image.isfinite().all()
        assert batch.image.min() >= 0
        assert batch.image.max() <= 1.5
        assert batch.image.flatten(1).std(dim=1).min() > 0.01


def test_targets_are_the_hippocampi_of_the_structures(label_maps: LabelMaps) -> None:
    make = generator(label_maps)
    batch = make(16, NEAR)
    for value, label in ((1, LEFT_HIPPOCAMPUS), (2, RIGHT_HIPPOCAMPUS)):
        structure = make.structures[label_maps.index(label)]
        assert torch.equal(batch.target == value, batch.structure == structure)
        assert (batch.target == value).flatten(1).any(1).float().mean() > 0.8


def test_structures_name_every_label_and_lump_what_is_outside_the_brain(label_maps: LabelMaps) -> None:
    make = generator(label_maps)
    inside = [label for label in label_maps.labels if label < FIRST_EXTRACEREBRAL]
    assert make.structure_count == len(inside) + 1
    assert len({int(make.structures[label_maps.index(label)]) for label in inside}) == len(inside)
    assert int(make.structures[0]) == 0


@VIEWS
def test_a_rim_is_a_part_of_its_hippocampus(rimmed_maps: LabelMaps, view: View) -> None:
    make, twin = generator(rimmed_maps, 5), generator(rimmed_maps, 5)
    batch, fine = make(8, view), twin.labels(8, view.fine())
    factor = view.supersampling
    for value, parts in enumerate(HIPPOCAMPI, start=1):
        places = [rimmed_maps.index(part) for part in parts]
        assert all((fine == place).any() for place in places)
        assert len({int(make.structures[place]) for place in places}) == 1
        share = F.avg_pool3d(torch.isin(fine, torch.tensor(places)).float()[:, None], factor)[:, 0]
        seen = (batch.target == value).flatten(1).any(1)  # the others may lie beyond the acquired volume
        assert seen.sum() >= 4
        assert not ((batch.target == value) & (share < 0.5)).any()
        missed = (share >= 0.5) & (batch.target != value)
        assert missed[seen].float().sum() <= 0.1 * (batch.target == value).sum()


def test_rims_are_seen_in_some_images(rimmed_maps: LabelMaps) -> None:
    """Whether the rims' mean intensity lies away from the inner part's, before any acquisition."""
    make = generator(rimmed_maps, 1)
    labels = make.labels(1, NEAR).expand(64, -1, -1, -1)
    images = make._intensities(labels, NEAR.spacing_mm, KINDS)
    inner, rim = (labels[0] == rimmed_maps.index(part) for part in HIPPOCAMPI[0][:2])
    apart = (images[:, inner].mean(dim=1) / images[:, rim].mean(dim=1)).log().abs()
    assert 0.2 < (apart > 0.1).float().mean() < 0.7
    assert (apart < 0.05).float().mean() > 0.25


def test_a_coarse_voxel_belongs_to_what_fills_half_of_it(label_maps: LabelMaps) -> None:
    make, twin = generator(label_maps, 3), generator(label_maps, 3)
    batch, fine = make(8, COARSE), twin.labels(8, COARSE.fine())
    for value, label in ((1, LEFT_HIPPOCAMPUS), (2, RIGHT_HIPPOCAMPUS)):
        share = F.avg_pool3d((fine == label_maps.index(label)).float()[:, None], 2)[:, 0]
        got = batch.target == value
        assert not (got & (share < 0.5)).any()
        seen = got.flatten(1).any(1)  # the others may lie beyond the acquired volume
        assert seen.sum() >= 6
        missed = (share >= 0.5) & ~got
        assert missed[seen].float().sum() <= 0.1 * got.sum()


def test_left_stays_left_mirrored_or_not(label_maps: LabelMaps) -> None:
    make = generator(label_maps)
    x = torch.arange(NEAR.shape[0], dtype=torch.float32)[:, None, None]
    compared = 0
    for _ in range(6):
        for target in make(8, NEAR).target:
            left, right = target == 1, target == 2
            if left.sum() > 20 and right.sum() > 20:
                compared += 1
                assert (x * left).sum() / left.sum() < (x * right).sum() / right.sum()
    assert compared > 30


def test_mirrored_views_exchange_the_labels_of_the_sides(label_maps: LabelMaps) -> None:
    """The map is read at the points of the view; in mirrored ones each label becomes the other side's."""
    make, twin = generator(label_maps, 5), generator(label_maps, 5)
    labels = make.labels(24, NEAR)
    number = twin.draw.integer(0, len(label_maps.volumes), 24)
    points, mirrored = sample_points(twin.draw, NEAR, twin.hippocampi[number])
    assert mirrored.any()
    assert not mirrored.all()
    size = torch.tensor(label_maps.volumes.shape[1:])
    for n in range(24):
        index = points[n].round().long()
        inside = ((index >= 0) & (index < size)).all(-1)
        i, j, k = index.clamp(min=torch.zeros(3).long(), max=size - 1).unbind(-1)
        raw = torch.where(inside, make.volumes[number[n], i, j, k].long(), 0)
        assert torch.equal(labels[n], make.mirror[raw] if mirrored[n] else raw)
    left, right = label_maps.index(LEFT_HIPPOCAMPUS), label_maps.index(RIGHT_HIPPOCAMPUS)
    ratio = torch.tensor([float((part == left).sum() / (part == right).sum()) for part in labels]).log()
    assert ratio[~mirrored].mean() > 0.05, "the map's longer left hippocampus is on the left"
    assert ratio[mirrored].mean() < -0.05, "and on the right where the head is mirrored"


def test_brain_extraction_and_whole_heads_both_occur(label_maps: LabelMaps) -> None:
    make = generator(label_maps)
    outside = int(make.structures[-1])
    with_skull = [(s == outside).any().item() for _ in range(5) for s in make(8, COARSE).structure]
    assert 5 < sum(with_skull) < 35


@VIEWS
def test_heads_shown_back_to_front_have_no_target(label_maps: LabelMaps, view: View) -> None:
    """All else is as in the same image shown rightly: turned along the second axis, the structures with it."""
    straight, turned = (generator(label_maps, 4)(8, shown) for shown in (view, replace(view, turned=1.0)))
    assert straight.target.any()
    assert not turned.target.any()
    assert torch.equal(turned.image, straight.image.flip(3))
    assert torch.equal(turned.structure, straight.structure.flip(2))


def test_the_share_of_heads_back_to_front(label_maps: LabelMaps) -> None:
    """Either an image is turned and has no target, or it is left as it is."""
    view = replace(COARSE, turned=0.3)
    straight, some = (generator(label_maps, 4)(40, shown) for shown in (COARSE, view))
    turned = (some.image != straight.image).flatten(1).any(1)
    assert 4 < int(turned.sum()) < 20
    assert torch.equal(some.image[turned], straight.image[turned].flip(3))
    assert not some.target[turned].any()
    assert torch.equal(some.target[~turned], straight.target[~turned])
    assert torch.equal(some.structure[~turned], straight.structure[~turned])


@VIEWS
def test_cropped_heads_lack_something_on_every_side(label_maps: LabelMaps, view: View) -> None:
    """What is left is as in the uncropped image, but for the scaling of its intensities."""
    whole, cut = (generator(label_maps, 4)(6, replace(view, cropped=share)) for share in (1e-9, 1.0))
    for before, after in zip(whole.structure, cut.structure, strict=True):
        for axis in range(3):
            lines = [(shown > 0).movedim(axis, 0).flatten(1).any(1).nonzero().flatten() for shown in (before, after)]
            extent = int(lines[0][-1] - lines[0][0]) + 1
            lost = [int(lines[1][0] - lines[0][0]), int(lines[0][-1] - lines[1][-1])]
            assert min(lost) >= 0
            assert sum(lost) > 0
            assert max(lost) <= LARGEST_CROP * extent + 1
    kept = cut.structure > 0
    assert torch.equal(cut.structure[kept], whole.structure[kept])
    assert torch.equal(cut.target[kept], whole.target[kept])
    assert not cut.target[~kept].any()


def test_the_share_of_cropped_heads(label_maps: LabelMaps) -> None:
    whole, some = (generator(label_maps, 4)(40, replace(COARSE, cropped=share)) for share in (1e-9, 0.3))
    assert 4 < int((some.structure != whole.structure).flatten(1).any(1).sum()) < 20


@VIEWS
def test_looks_show_one_anatomy_in_several_contrasts(label_maps: LabelMaps, view: View) -> None:
    """Where both show a structure it is the same one; also in a head that is shown back to front."""
    first, second = generator(label_maps, seed=4).looks(6, replace(view, turned=0.5), 2)
    both = (first.structure > 0) & (second.structure > 0)
    assert both.float().mean() > 0.2
    assert torch.equal(first.structure[both], second.structure[both])
    likeness = torch.corrcoef(torch.stack([first.image[:, 0][both], second.image[:, 0][both]]))[0, 1]
    assert likeness.abs() < 0.9


@VIEWS
def test_looks_that_are_alike_differ_in_contrast_alone(label_maps: LabelMaps, view: View) -> None:
    """One target and one brain extraction; with one contrast for all, one and the same image."""
    contrasts = ("newborn T1", "newborn T2")
    first, second = generator(label_maps, seed=4).alike(6, replace(view, turned=0.5), contrasts)
    assert torch.equal(first.target, second.target)
    assert torch.equal(first.structure, second.structure)
    assert (first.image - second.image).abs().flatten(1).mean(1).min() > 0.01
    make = generator(label_maps, seed=4)
    same = torch.full((3, *view.fine().shape), 0.5)
    make._intensities = lambda labels, *_: same + 0.1 * (labels > 0)  # type: ignore[method-assign]
    first, second = make.alike(3, view, contrasts)
    assert torch.equal(first.image, second.image)
    first, second = make.looks(3, view, 2)
    assert not torch.equal(first.image, second.image)


def test_looks_that_are_alike_have_the_contrasts_asked_for(label_maps: LabelMaps) -> None:
    """Fluid in the brain is dark in every T1, bright in every T2, whatever the generator's own shares are."""
    make = Generator(label_maps, Draw(5, "cpu"), contrasts={"random": 1.0}, extraction=(0.0, 1.0, 0.0))
    first, second = make.alike(12, NEAR, ("newborn T1", "newborn T2"))
    fluid = make.structures[label_maps.index(VENTRICLES[0][0])]
    brighter = [
        bool(bright[structure == fluid].mean() > dark[structure == fluid].mean())
        for dark, bright, structure in zip(first.image[:, 0], second.image[:, 0], first.structure, strict=True)
        if (structure == fluid).any()
    ]
    assert len(brighter) > 6
    assert all(brighter)


@VIEWS
def test_a_batch_is_one_look(label_maps: LabelMaps, view: View) -> None:
    made = generator(label_maps)(2, view)
    looks = generator(label_maps).looks(2, view, 1)
    assert len(looks) == 1
    assert torch.equal(made.image, looks[0].image)
