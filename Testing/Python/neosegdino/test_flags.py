from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bundle_samples import make_spec
from neosegdino import flags
from neosegdino.volume import Volume


def codes(found: list[flags.Flag]) -> list[str]:
    return [flag.code for flag in found]


def volume(source: str = "head.nii.gz", spacing: tuple[float, float, float] = (0.8, 0.8, 0.8)) -> Volume:
    return Volume(np.zeros((4, 5, 6), np.int16), np.diag([*spacing, 1.0]), source)


def row(**changes: Any) -> dict[str, Any]:
    values = {"side": "left", "volume_mm3": 1000.0, "volume_ml": 1.0, "confidence": 0.9, "components_removed": 0}
    return values | changes


def test_codes_are_words_with_dashes_each_with_its_own_meaning() -> None:
    assert len(set(flags.MEANINGS.values())) == len(flags.MEANINGS)
    assert all(code == code.lower() and " " not in code for code in flags.MEANINGS)
    assert set(flags.MEANINGS) > flags.OF_THE_OUTLINE


@pytest.mark.parametrize(
    ("mm3", "expected"), [(299.0, ["volume-range"]), (300.0, []), (3000.0, []), (3001.0, ["volume-range"])]
)
def test_volumes_outside_the_wide_limits(mm3: float, expected: list[str]) -> None:
    assert codes(flags.of_volumes([row(volume_mm3=mm3, volume_ml=mm3 / 1000)], 0.0)) == expected


@pytest.mark.parametrize(("asymmetry", "expected"), [(0.3, []), (-0.31, ["asymmetry-range"])])
def test_sides_that_differ_much(asymmetry: float, expected: list[str]) -> None:
    assert codes(flags.of_volumes([row(), row(side="right")], asymmetry)) == expected


@pytest.mark.parametrize(("confidence", "expected"), [(0.69, ["low-confidence"]), (0.7, []), (None, [])])
def test_low_confidence(confidence: float | None, expected: list[str]) -> None:
    assert codes(flags.of_certainty([row(confidence=confidence)])) == expected


@pytest.mark.parametrize(("removed", "expected"), [(2, []), (3, ["components-removed"])])
def test_several_pieces_removed(removed: int, expected: list[str]) -> None:
    assert codes(flags.of_certainty([row(components_removed=removed)])) == expected


@pytest.mark.parametrize(
    ("age", "expected"), [(29.9, ["age-range"]), (30.0, []), (53.0, []), (54.0, ["age-range"]), (None, [])]
)
def test_age_outside_the_bundles_range(age: float | None, expected: list[str]) -> None:
    assert codes(flags.of_range(volume(), make_spec(age_weeks=(30.0, 53.0)), age)) == expected
    assert flags.of_range(volume(), make_spec(), age) == []


def test_voxels_larger_than_the_bundle_was_made_for() -> None:
    thick = volume(spacing=(0.8, 0.8, 3.5))
    (flag,) = flags.of_range(thick, make_spec(max_spacing_mm=3.0), None)
    assert flag.code == "low-resolution"
    assert "3.5 mm" in flag.message
    assert flags.of_range(thick, make_spec(), None) == []


@pytest.mark.parametrize(
    ("source", "contrasts", "expected"),
    [
        ("sub-01_T1w.nii.gz", ("T2w",), ["contrast-range"]),
        ("sub-01_T1w.nii.gz", ("T1", "T2"), []),
        ("sub-01_T1w.nii.gz", ("T1w",), []),
        ("head.nii.gz", ("T2w",), []),
    ],
)
def test_contrast_by_the_name(source: str, contrasts: tuple[str, ...], expected: list[str]) -> None:
    assert codes(flags.of_range(volume(source), make_spec(contrasts=contrasts), None)) == expected


def test_touching_one_of_the_six_faces() -> None:
    for axis in range(3):
        for end in (0, -1):
            mask = np.zeros((4, 5, 6), bool)
            place = [2, 2, 2]
            place[axis] = end
            mask[tuple(place)] = True
            assert flags.touches_border(mask)
    mask = np.zeros((4, 5, 6), bool)
    mask[1:3, 1:4, 1:5] = True
    assert not flags.touches_border(mask)
