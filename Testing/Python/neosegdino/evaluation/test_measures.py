from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from neosegdino.evaluation.measures import MaskMeasures, compare
from scipy import ndimage
from scipy.spatial.distance import cdist


def box(shape: tuple[int, int, int], *ranges: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*part) for part in ranges)] = True
    return mask


def blobs(seed: int, shape: tuple[int, int, int] = (13, 15, 11)) -> tuple[np.ndarray, np.ndarray]:
    """Two alike shapes with holes, islands and parts at the array's border."""
    noise = np.random.default_rng(seed).random((2, *shape))
    first = ndimage.gaussian_filter(noise[0], 1.6)
    second = first + 0.5 * ndimage.gaussian_filter(noise[1], 1.6)
    return first > np.median(first), second > np.quantile(second, 0.45)


def values(found: MaskMeasures) -> list[Any]:
    return list(msgspec.structs.astuple(found))


def by_hand(truth: np.ndarray, found: np.ndarray, spacing: tuple[float, float, float]) -> dict[str, float]:
    """Every distance between two surfaces, by the plain definition."""
    surfaces = []
    for mask in (truth, found):
        whole = np.pad(mask, 1)
        cross = ndimage.generate_binary_structure(3, 1)
        outside = ndimage.binary_dilation(~whole, cross)
        surfaces.append(np.argwhere(whole & outside) * spacing)
    gaps = cdist(*surfaces)
    there, back = gaps.min(axis=0), gaps.min(axis=1)
    return {
        "dice": 2 * (truth & found).sum() / (truth.sum() + found.sum()),
        "hd95_mm": max(np.percentile(there, 95), np.percentile(back, 95)),
        "assd_mm": np.concatenate([there, back]).mean(),
        "reference_mm3": truth.sum() * np.prod(spacing),
        "volume_error_mm3": (found.sum() - float(truth.sum())) * np.prod(spacing),
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.1, 2.3)], ids=str)
def test_agrees_with_the_plain_definition(seed: int, spacing: tuple[float, float, float]) -> None:
    truth, found = blobs(seed)
    measured = msgspec.structs.asdict(compare(truth, found, spacing))
    for name, value in by_hand(truth, found, spacing).items():
        assert measured[name] == pytest.approx(value, abs=1e-5), name


def test_shifted_cube() -> None:
    """Of 6 x 6 x 6 voxels, 4 layers of 6 are shared."""
    truth, found = box((12, 12, 12), (3, 9), (3, 9), (3, 9)), box((12, 12, 12), (5, 11), (3, 9), (3, 9))
    measured = compare(truth, found, (0.5, 1, 2))
    assert measured.dice == pytest.approx(2 * 4 * 36 / (2 * 216), abs=1e-6)
    assert measured.hd95_mm == pytest.approx(1.0), "two layers of 0.5 mm"
    assert measured.surface_dice_1mm == 1
    assert (measured.reference_mm3, measured.found_mm3, measured.volume_error_mm3) == (216, 216, 0)
    assert measured.volume_error_percent == 0


@pytest.mark.parametrize(("step", "spacing"), [((1, 0, 0), 1.0), ((0, 3, 0), 1.0), ((0, 2, 2), 0.5)])
def test_single_voxels_are_as_far_as_their_centres(step: tuple[int, int, int], spacing: float) -> None:
    truth, found = np.zeros((9, 9, 9), bool), np.zeros((9, 9, 9), bool)
    truth[3, 3, 3] = found[3 + step[0], 3 + step[1], 3 + step[2]] = True
    measured = compare(truth, found, (spacing,) * 3)
    distance = spacing * np.linalg.norm(step)
    assert (measured.dice, measured.hd95_mm, measured.assd_mm) == pytest.approx((0, distance, distance), abs=1e-5)


def test_half_of_two_neighbouring_voxels_surface_is_shared() -> None:
    truth, found = box((5, 5, 5), (2, 3), (2, 3), (2, 3)), box((5, 5, 5), (3, 4), (2, 3), (2, 3))
    measured = compare(truth, found, (1, 1, 1))
    assert measured.surface_dice_05mm == pytest.approx(0.5)
    assert measured.surface_dice_1mm == 1


def test_hd95_is_the_larger_of_the_two_directed_percentiles() -> None:
    """A line of 100 voxels and one 10 longer: one way all distances are 0, the other way 0 a hundred times, then 1..10.

    A percentile of both ways together would be 0.
    """
    truth, found = box((120, 3, 3), (2, 102), (1, 2), (1, 2)), box((120, 3, 3), (2, 112), (1, 2), (1, 2))
    for pair in ((truth, found), (found, truth)):
        measured = compare(*pair, (2, 1, 1))
        assert measured.hd95_mm == pytest.approx(2 * 4.55, abs=1e-4)
        assert measured.assd_mm == pytest.approx(2 * 55 / 210, abs=1e-5)


def test_surface_dice_counts_area_not_voxels() -> None:
    """A cube of 30 mm whose thick slices are 3 mm, and one slice more: about one face in six of each is not near."""
    truth, found = box((34, 34, 15), (2, 32), (2, 32), (2, 12)), box((34, 34, 15), (2, 32), (2, 32), (2, 13))
    area = np.array([6 * 900, 6 * 900 + 4 * 30 * 3])
    measured = compare(truth, found, (1, 1, 3))
    assert measured.surface_dice_1mm == pytest.approx(1 - (900 + 900 + 4 * 30 * 1.5) / area.sum(), abs=0.02)
    assert measured.volume_error_percent == pytest.approx(10)
    assert measured.volume_error_mm3 == 2700


@pytest.mark.parametrize("seed", range(3))
def test_the_room_around_changes_nothing(seed: int) -> None:
    """Shapes at the array's border are as those within it: what is outside is background."""
    truth, found = blobs(seed)
    assert truth[0].any() and found[:, :, -1].any(), "they do touch the border"
    tight = values(compare(truth, found, (0.7, 1.1, 2.3)))
    for room in ((1, 1), (0, 9), (20, 3)):
        padded = [np.pad(mask, room) for mask in (truth, found)]
        assert values(compare(*padded, (0.7, 1.1, 2.3))) == tight


def test_the_crop_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, found = (np.pad(mask, ((5, 1), (2, 8), (4, 4))) for mask in blobs(7))
    cropped = values(compare(truth, found, (0.7, 1.1, 2.3)))
    monkeypatch.setattr("neosegdino.evaluation.measures.cropped", lambda mask, union: mask)
    assert values(compare(truth, found, (0.7, 1.1, 2.3))) == cropped


def test_the_order_and_direction_of_axes_change_nothing() -> None:
    truth, found = blobs(3)
    spacing = (0.7, 1.1, 2.3)
    expected = values(compare(truth, found, spacing))
    for order, signs in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        flip = tuple(slice(None, None, sign) for sign in signs)
        turned = [mask[flip].transpose(order) for mask in (truth, found)]
        assert values(compare(*turned, [spacing[axis] for axis in order])) == pytest.approx(expected, abs=1e-5)


def test_which_is_the_reference_matters_for_the_volume_alone() -> None:
    truth, found = blobs(2)
    there, back = compare(truth, found, (1, 1, 2)), compare(found, truth, (1, 1, 2))
    assert values(there)[:5] == pytest.approx(values(back)[:5], abs=1e-6)
    assert there.volume_error_mm3 == -back.volume_error_mm3 != 0


def test_equal_masks() -> None:
    mask = blobs(1)[0]
    size = mask.sum() * 2.0
    assert values(compare(mask, mask, (1, 1, 2))) == [1, 0, 0, 1, 1, size, size, 0, 0]


def test_empty_masks() -> None:
    mask, nothing = box((6, 6, 6), (1, 3), (1, 3), (1, 3)), np.zeros((6, 6, 6), bool)
    assert values(compare(mask, nothing, (1, 1, 1))) == [0, None, None, 0, 0, 8, 0, -8, -100]
    assert values(compare(nothing, mask, (1, 1, 1))) == [0, None, None, 0, 0, 0, 8, 8, None]
    assert values(compare(nothing, nothing, (1, 1, 1))) == [None] * 5 + [0, 0, 0, None]


def test_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4, 5\)"):
        compare(np.ones((4, 4, 4), bool), np.ones((4, 4, 5), bool), (1, 1, 1))
