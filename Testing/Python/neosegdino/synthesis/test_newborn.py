"""Taking a map back: on a small head with deep sulci, ventricles, and white matter between thalamus and putamen."""

from __future__ import annotations

import numpy as np
import pytest
from neosegdino.synthesis.anatomy import (
    CORTEX,
    FLUID,
    INTERNAL_CAPSULE,
    LEFT_HIPPOCAMPUS,
    PAIRS,
    RIGHT_HIPPOCAMPUS,
    THALAMUS,
    VENTRICLES,
    WHITE,
)
from neosegdino.synthesis.anatomy import HIPPOCAMPI as PARTS
from neosegdino.synthesis.newborn import MATURITIES, Labels, Mask, Maturity, mature
from scipy import ndimage

SHAPE = (77, 72, 66)
PLACE = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in SHAPE], indexing="ij"), axis=-1)
OUTSIDE, AMYGDALA, PUTAMEN, BRAINSTEM = 506, (18, 54), (12, 51), 16
HIPPOCAMPI = (LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS)
DEEP = (*THALAMUS, *PUTAMEN, BRAINSTEM)


def ball(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Mask:
    inside: Mask = (((PLACE - centre) / np.array(radii)) ** 2).sum(-1) < 1
    return inside


def folded_head() -> Labels:
    """Slits of fluid, 9 voxels deep, with cortex along them, stand for an adult's sulci; there are none below."""
    labels = np.zeros(SHAPE, np.int64)
    labels[ball((0, 0, 0), (38, 36, 33))] = OUTSIDE
    labels[ball((0, 0, 0), (34, 32, 29))] = FLUID
    brain, core = ball((0, 0, 0), (32, 30, 27)), ball((0, 0, 0), (23, 21, 18))
    slits = (np.abs(PLACE[..., 2]) % 8 < 1) & (PLACE[..., 2] > -4) & brain & ~core
    grey = brain & (ndimage.binary_dilation(slits, iterations=2) | ~ball((0, 0, 0), (29, 27, 24)))
    for side, half in ((0, PLACE[..., 0] < -0.5), (1, PLACE[..., 0] > 0.5)):
        out = -1 if side == 0 else 1
        labels[brain & half] = WHITE[side]
        labels[grey & half] = CORTEX[side]
        labels[slits & half] = FLUID
        labels[ball((5 * out, 2, 9), (3, 9, 3)) & half] = VENTRICLES[side][0]
        labels[ball((6 * out, -2, 1), (4, 6, 4))] = THALAMUS[side]
        labels[ball((16 * out, 0, 1), (4, 6, 4))] = PUTAMEN[side]
        labels[ball((14 * out, -3, -9), (4, 9, 4))] = HIPPOCAMPI[side]
        labels[ball((14 * out, 10, -9), (3, 3, 3))] = AMYGDALA[side]
    labels[ball((0, -6, -14), (4, 4, 6))] = BRAINSTEM
    return labels


@pytest.fixture(scope="module")
def head() -> Labels:
    return folded_head()


@pytest.fixture(scope="module")
def maps(head: Labels) -> dict[str, Labels]:
    """The head in every maturity; it is left as it is itself."""
    before = head.copy()
    found = {maturity.name: mature(head, maturity) for maturity in MATURITIES}
    assert np.array_equal(head, before)
    return found


def count(labels: Labels, *wanted: int) -> int:
    return int(np.isin(labels, wanted).sum())


def whole_hippocampi(labels: Labels) -> Labels:
    """Labels with the rims as parts of the hippocampi."""
    return np.select([np.isin(labels, parts) for parts in PARTS], list(HIPPOCAMPI), labels)


def sulci(labels: Labels) -> int:
    """Voxels of fluid well below the surface of the brain, without the fissure between its halves."""
    deep = ball((0, 0, 0), (28, 26, 23)) & (np.abs(PLACE[..., 0]) > 4)
    return int((labels[deep] == FLUID).sum())


def test_an_adults_map_keeps_all_but_the_hippocampis_surface_and_the_capsule(
    head: Labels, maps: dict[str, Labels]
) -> None:
    adult = maps["adult"]
    capsule = np.isin(adult, INTERNAL_CAPSULE)
    changed = (adult != head) & ~capsule
    rim = ndimage.binary_dilation(np.isin(head, HIPPOCAMPI), iterations=2)
    assert not (changed & ~rim).any()
    assert np.isin(head[capsule], WHITE).all()


def test_the_younger_the_fewer_folds_and_the_more_fluid(maps: dict[str, Labels]) -> None:
    adult, term, preterm = maps["adult"], maps["term"], maps["preterm"]
    assert sulci(adult) > 2 * sulci(term)
    assert sulci(term) >= sulci(preterm)
    assert sulci(preterm) < 0.05 * sulci(adult)
    for ventricle in (VENTRICLES[0][0], VENTRICLES[1][0]):
        assert 1.3 * count(adult, ventricle) < count(term, ventricle) < count(preterm, ventricle)
    brain = ball((0, 0, 0), (32, 30, 27))
    around = [int(((labels == FLUID) & ~brain).sum()) for labels in (adult, term, preterm)]
    assert around == sorted(set(around))


def test_ventricles_grow_into_the_white_matter_of_their_side_alone(head: Labels) -> None:
    grown = mature(head, Maturity("wide", ventricles_mm=2))
    for side in (0, 1):
        new = (grown == VENTRICLES[side][0]) & (head != VENTRICLES[side][0])
        assert new.any()
        assert (head[new] == WHITE[side]).all()


def test_fluid_grows_outwards_alone(head: Labels) -> None:
    grown = mature(head, Maturity("wet", fluid_mm=3))
    new = (grown == FLUID) & (head != FLUID)
    assert new.any()
    assert set(np.unique(head[new])) <= {0, OUTSIDE}


@pytest.mark.parametrize("maturity", [maturity.name for maturity in MATURITIES])
def test_deep_structures_stay_and_hippocampi_nearly_so(head: Labels, maps: dict[str, Labels], maturity: str) -> None:
    found = whole_hippocampi(maps[maturity])
    for label in DEEP:
        assert np.array_equal(found == label, head == label)
    for label in (*HIPPOCAMPI, *AMYGDALA):
        both = int(((found == label) & (head == label)).sum())
        assert 2 * both / (count(found, label) + count(head, label)) > 0.9
    assert set(np.unique(found)) <= {*np.unique(head), *INTERNAL_CAPSULE}


def test_the_capsule_is_the_white_matter_between_thalamus_and_putamen(head: Labels, maps: dict[str, Labels]) -> None:
    for side in (0, 1):
        capsule = np.argwhere(maps["adult"] == INTERNAL_CAPSULE[side])
        assert len(capsule) > 20
        middle = PLACE[tuple(np.round(capsule.mean(axis=0)).astype(int))]
        assert middle == pytest.approx([-11 if side == 0 else 11, -1, 1], abs=1.5)
        for structure in (THALAMUS[side], PUTAMEN[side]):
            away = ndimage.distance_transform_edt(head != structure)
            assert away[tuple(capsule.T)].max() <= 3


def test_rims_are_the_outer_layers_of_a_hippocampus(maps: dict[str, Labels]) -> None:
    for label, outer, next_in in PARTS:
        rest = whole_hippocampi(maps["adult"]) == label
        for rim in (outer, next_in):
            inside = ndimage.binary_erosion(rest)
            assert inside.any()
            assert np.array_equal(maps["adult"] == rim, rest & ~inside)
            rest = inside
        assert np.array_equal(maps["adult"] == label, rest)


@pytest.mark.parametrize("maturity", [MATURITIES[0], MATURITIES[2]], ids=lambda maturity: maturity.name)
def test_both_sides_are_treated_alike(head: Labels, maps: dict[str, Labels], maturity: Maturity) -> None:
    other = np.arange(OUTSIDE + 1)
    for left, right in PAIRS.items():
        other[left], other[right] = right, left
    mirrored = mature(other[head[::-1]], maturity)
    differing = other[mirrored[::-1]] != maps[maturity.name]
    assert differing.sum() <= 10, "but for voxels as near to one neighbour as to the other"


def test_a_ragged_hippocampus_is_smoothed(head: Labels) -> None:
    ragged = head.copy()
    inside = np.argwhere(head == LEFT_HIPPOCAMPUS).mean(axis=0).round().astype(int)
    ragged[tuple(inside)] = WHITE[0]
    alone = inside - (0, 0, 7)
    assert head[tuple(alone)] == WHITE[0]
    ragged[tuple(alone)] = LEFT_HIPPOCAMPUS
    found = mature(ragged, MATURITIES[0])
    assert found[tuple(inside)] == LEFT_HIPPOCAMPUS
    assert found[tuple(alone)] == WHITE[0]


def test_cortex_far_below_the_surface_becomes_white_matter(head: Labels, maps: dict[str, Labels]) -> None:
    island = ball((-22, 0, 12), (1.2, 1.2, 1.2)) & (head == WHITE[0])
    assert island.sum() >= 4
    given = np.where(island, CORTEX[0], head)
    assert (mature(given, MATURITIES[-1])[island] == WHITE[0]).all()
