"""The geometry of the benchmark of robustness: a rule in a model's place, whose answer no change may alter."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.robustness import CHANGES, agreement, crossed, markdown, resampled, tilted
from neosegdino.geometry import Grid, bounds
from neosegdino.measure import centroids_ras
from neosegdino.volume import Volume
from numpy.typing import NDArray

SHAPE, SPACING = (70, 52, 60), (1.0, 1.4, 1.2)
BALL, TISSUE = 100.0, 15.0
EXACT = ("axes in another order, two flipped", "cropped", "noise of 4 %", "bias field")


@pytest.fixture(scope="module")
def head() -> Volume:
    """A dull head with two bright balls, not at the middle of the world, in the order P, R, S."""
    affine = np.zeros((4, 4))
    affine[[1, 0, 2, 3], [0, 1, 2, 3]] = (-SPACING[0], SPACING[1], SPACING[2], 1)
    affine[:3, 3] = (-40, 30, -20)
    points = Grid(SHAPE, affine).points(np.stack(np.indices(SHAPE), axis=-1))
    place = points - bounds(SHAPE, affine).mean(axis=1)
    data = np.where(((place / (32, 30, 30)) ** 2).sum(-1) < 1, TISSUE, 0.0)
    for side in (-12, 12):
        data[((place - (side, -3, 2)) ** 2).sum(-1) < 64] = BALL
    return Volume(data.astype(np.float32), affine, "head.nii.gz")


def rule(volume: Volume) -> NDArray[np.uint8]:
    """What is bright, by its side of the middle of all that is bright."""
    bright = volume.data > 0.45 * BALL
    points = Grid(volume.shape, volume.affine).points(np.stack(np.indices(volume.shape), axis=-1))
    right = points[..., 0] > points[bright][:, 0].mean()
    return (bright * np.where(right, 2, 1)).astype(np.uint8)


def test_the_rule_finds_two_sides(head: Volume) -> None:
    places = centroids_ras(rule(head), head.affine)
    assert places[2] - places[1] == pytest.approx([24, 0, 0], abs=0.3)


@pytest.mark.parametrize("name", CHANGES)
def test_an_unchanged_answer_agrees_whatever_was_changed(head: Volume, name: str) -> None:
    changed = CHANGES[name](head)
    found = rule(changed)
    assert found.shape == changed.shape
    shown = not np.array_equal(changed.data, head.data) if changed.shape == head.shape else True
    assert shown or not np.allclose(changed.affine, head.affine), "nothing was changed"
    dice = agreement(head, rule(head), changed, found)
    least = 0.9 if name.startswith("resampled") else 0.999
    assert min(dice) >= least, dice
    if name in EXACT:
        assert dice == (1, 1)
    assert not crossed(head, rule(head), changed, found)


@pytest.mark.parametrize("name", CHANGES)
def test_swapped_sides_are_noticed_whatever_was_changed(head: Volume, name: str) -> None:
    changed = CHANGES[name](head)
    swapped = np.array([0, 2, 1], np.uint8)[rule(changed)]
    assert crossed(head, rule(head), changed, swapped)
    assert max(agreement(head, rule(head), changed, swapped)) == 0


def test_an_answer_elsewhere_does_not_agree(head: Volume) -> None:
    moved = np.roll(rule(head), 20, axis=0)
    assert max(agreement(head, rule(head), head, moved)) < 0.1
    assert agreement(head, rule(head), head, np.zeros_like(moved)) == (0, 0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_tilting_keeps_the_voxels_and_turns_the_world_about_the_middle(head: Volume, axis: int) -> None:
    changed = tilted(15, axis)(head)
    assert changed.data is head.data
    turn = changed.affine[:3, :3] @ np.linalg.inv(head.affine[:3, :3])
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.trace(turn) == pytest.approx(1 + 2 * np.cos(np.deg2rad(15)))
    assert turn[axis, axis] == pytest.approx(1)
    middle = [*((np.array(SHAPE) - 1) / 2), 1]
    assert changed.affine @ middle == pytest.approx(head.affine @ middle)
    assert changed.spacing == pytest.approx(head.spacing)


@pytest.mark.parametrize("spacing_mm", [0.8, 1.5])
def test_resampling_covers_the_same_head(head: Volume, spacing_mm: float) -> None:
    changed = resampled(spacing_mm)(head)
    assert changed.spacing == pytest.approx([spacing_mm] * 3)
    reach = bounds(changed.shape, changed.affine) - bounds(head.shape, head.affine)
    assert np.abs(reach).max() <= 1.5 * max(spacing_mm, *SPACING)


def test_the_table_has_a_row_for_every_change_and_a_column_for_every_image() -> None:
    table = {"cropped": {"a.nii": (0.5, 0.25), "b.nii": (1.0, 0.75)}, "bias field": {"a.nii": (0, 0), "b.nii": (1, 1)}}
    head, line, first, second, _, summary = markdown(table, "median 0.6 of 8").splitlines()
    assert head == "| change | a.nii | b.nii |"
    assert line.count("---") == 3
    assert first == "| cropped | 0.500 / 0.250 | 1.000 / 0.750 |"
    assert second.startswith("| bias field | 0.000")
    assert summary == "Left / right; median 0.6 of 8."
