from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from bundle_samples import make_spec
from neosegdino.errors import VolumeError
from neosegdino.suitability import (
    DIRECTIONS,
    axes_of_patient,
    head_width_mm,
    is_flat,
    look,
    look_at_range,
    require_suitable,
)
from scipy.spatial.transform import Rotation

ORIENTATIONS = list(itertools.permutations(range(3)))


def head(
    field_mm: tuple[float, float, float] = (150, 180, 150),
    spacing: tuple[float, float, float] = (1.5, 1.5, 1.5),
    width_mm: float = 95.0,
    order: tuple[int, ...] = (0, 1, 2),
    rotation_deg: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A bright egg on the given field of view along R, A, S, stored in any order of axes."""
    shape = [round(length / side) for length, side in zip(field_mm, spacing, strict=True)]
    turn = Rotation.from_euler("z", rotation_deg, degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    places = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    inside = ((places / (width_mm / 2, width_mm * 0.62, width_mm / 2)) ** 2).sum(-1) < 1
    data = np.where(inside, 500 + places[..., 1], 0).astype(np.float32)
    permuted = np.eye(4)
    permuted[:3, :3], permuted[:3, 3] = affine[:3, list(order)], affine[:3, 3]
    return data.transpose(order), permuted


def texts(data: np.ndarray, affine: np.ndarray, **options: Any) -> list[str]:
    return [str(finding) for finding in look(data, affine, "scan", **options)]


@pytest.mark.parametrize("order", ORIENTATIONS)
def test_a_newborns_head_suits(order: tuple[int, ...]) -> None:
    assert texts(*head(order=order, rotation_deg=20)) == []


@pytest.mark.parametrize("order", ORIENTATIONS)
@pytest.mark.parametrize("axis", range(3))
def test_directions_are_the_patients_whatever_the_order_of_axes(order: tuple[int, ...], axis: int) -> None:
    field = [150.0, 180.0, 150.0]
    field[axis] = 12.0
    found = look(*head(tuple(field), order=order, rotation_deg=-25), "scan")  # type: ignore[arg-type]
    assert found[0].blocking
    assert found[0].message == f"scan covers only 12 mm {DIRECTIONS[axis]}: too little for two hippocampi."


def test_a_small_view_blocks_only_where_both_hippocampi_have_to_be_found() -> None:
    crop = head((30, 60, 60))
    with pytest.raises(VolumeError, match="covers only 30 mm from left to right"):
        require_suitable(*crop, "scan", located=True)
    (note,) = map(str, require_suitable(*crop, "scan", located=False))
    assert "a hippocampus may be cut off. Use the whole head" in note


def test_a_view_below_the_models_window_is_a_warning() -> None:
    (finding,) = look(*head((60, 180, 150)), "scan")
    assert not finding.blocking
    assert finding.message.startswith("The image covers only 60 mm from left to right")


@pytest.mark.parametrize(("side", "warned"), [(3.0, False), (3.2, True)])
def test_thick_slices_are_a_warning(side: float, warned: bool) -> None:
    found = texts(*head(spacing=(1.5, 1.5, side)))
    assert [text.split(",")[0] for text in found] == (
        ["The voxels measure 3.2 mm from bottom to top"] if warned else []
    )


def test_a_scout_of_few_slices_is_refused() -> None:
    data, affine = head(spacing=(1.5, 9.0, 1.5))
    found = look(data[:, :5], affine, "scan")
    assert found[0].blocking
    assert found[0].message == "scan has only 5 slices from back to front."


def test_what_no_choice_of_windows_mends_is_not_told_to_be_mended_by_it() -> None:
    data, affine = head(spacing=(1.5, 4.0, 1.5))
    told = texts(data[:, 15:20], affine)  # 20 mm, too little for two hippocampi as well
    assert any("only 5 slices" in text for text in told)
    assert not any("from back to front" in text and "cut into windows" in text for text in told)


@pytest.mark.parametrize("value", [0, 7, np.nan, np.inf])
def test_an_image_without_contrast_is_refused(value: float) -> None:
    with pytest.raises(VolumeError, match="scan is empty"):
        require_suitable(np.full((40, 50, 60), value, np.float32), np.eye(4), "scan", located=True)


def test_contrast_that_is_not_among_the_voxels_looked_at_counts() -> None:
    data = np.zeros((90, 90, 90), np.int16)
    data[1, 1, 1] = 5
    assert not any(finding.blocking for finding in look(data, np.eye(4), "scan"))


def test_flatness_looks_at_finite_numbers_only() -> None:
    assert is_flat(np.array([np.nan, 3.0, 3.0, -np.inf]))
    assert not is_flat(np.array([np.nan, 3.0, 4.0]))


def test_a_damaged_matrix_is_refused_with_a_remedy() -> None:
    data, affine = head()
    affine[:3, 0] = affine[:3, 1]
    (finding,) = look(data, affine, "scan")
    assert finding.blocking
    assert "singular" in finding.message
    assert finding.remedy


@pytest.mark.parametrize("order", ORIENTATIONS)
@pytest.mark.parametrize("noise", [0, 25])
def test_an_adults_width_is_a_warning_and_noise_does_not_add_to_it(order: tuple[int, ...], noise: float) -> None:
    rng = np.random.default_rng(0)
    for width, warned in ((95.0, False), (155.0, True)):
        data, affine = head((220, 240, 200), width_mm=width, order=order)
        data = np.hypot(data + rng.normal(0, noise, data.shape), rng.normal(0, noise, data.shape))
        found = texts(data, affine)
        assert bool(found) is warned
        assert all("which is more than a newborn's. Check that it is the right scan" in text for text in found)
        assert head_width_mm(data, affine) == pytest.approx(0.87 * width, abs=6)


def test_a_head_that_fills_the_view_is_not_measured() -> None:
    assert texts(*head((130, 180, 150), width_mm=180)) == []


def test_broken_and_huge_voxels_do_not_disturb() -> None:
    data, affine = head()
    data = data.astype(np.float64)
    data[:4] = np.nan
    data[5, 5, 5] = 1e300
    assert texts(data, affine) == []


def test_axes_of_the_patient() -> None:
    affine = np.array([[0, 0.2, -2, 0], [1.5, 0, 0, 0], [0.1, 1, 0, 0], [0, 0, 0, 1.0]])
    assert axes_of_patient(affine) == (2, 0, 1)


def test_what_a_bundle_was_not_made_for_is_a_warning_with_its_remedy() -> None:
    spec = make_spec(age_weeks=(30.0, 53.0), contrasts=("T2w",))
    assert look_at_range(spec, "sub-01_T2w", 40.0) == look_at_range(spec, "head", None) == []
    age, contrast = look_at_range(spec, "sub-01_T1w", 54.0)
    assert [age.code, contrast.code] == ["age-range", "contrast-range"]
    assert not (age.blocking or contrast.blocking)
    assert str(contrast).endswith("made for T2w. Choose an image of such a contrast, or another model.")
