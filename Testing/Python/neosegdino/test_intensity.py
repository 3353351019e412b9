from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import phantom
import pytest
from neosegdino.errors import VolumeError
from neosegdino.geometry import Grid
from neosegdino.intensity import clean, levels, scale
from neosegdino.spec import Preprocessing
from neosegdino.volume import Volume, load_volume
from numpy.testing import assert_allclose, assert_array_equal

SETTINGS = Preprocessing((0.8, 0.8, 0.8), percentile=99.0, clip=1.5)
GRID = phantom.view(phantom.ORIENTATIONS[0], (1.5, 1.5, 1.5))


@pytest.fixture
def volume(head_volume: Callable[[Grid], Volume]) -> Volume:
    return head_volume(GRID)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_the_type_and_the_unit_do_not_matter(volume: Volume, dtype: type) -> None:
    expected = scale(clean(volume).data, SETTINGS)
    factor = 200 if np.dtype(dtype).kind in "ui" else 0.003
    other = Volume((volume.data * factor).astype(dtype), GRID.affine, "x")
    cleaned = clean(other)
    assert cleaned.data.dtype == np.float32
    assert cleaned.notes == ()
    scaled = scale(cleaned.data, SETTINGS)
    assert scaled.dtype == np.float32
    assert_allclose(scaled, expected, atol=0.02)
    assert scaled.min() == 0
    assert 1 <= scaled.max() <= 1.5
    assert np.mean(scaled[volume.data > 0.03] <= 1) == pytest.approx(0.99, abs=0.005)


def test_negative_intensities(volume: Volume) -> None:
    data = (volume.data - volume.data.mean()) / volume.data.std()
    scaled = scale(clean(Volume(data, GRID.affine, "x")).data, SETTINGS)
    assert_allclose(scaled, scale(volume.data, SETTINGS), atol=1e-4)


def test_broken_voxels_are_set_to_0_and_counted(volume: Volume) -> None:
    data = volume.data.astype(np.float64)
    data[:2, 0, 0], data[3, 3, 3], data[4, 4, 4], data[5, 5, 5] = np.nan, np.inf, -np.inf, 1e300
    cleaned = clean(Volume(data, GRID.affine, "x"))
    (note,) = cleaned.notes
    assert note.startswith("5 voxels that are not finite numbers were set to 0. Convert the original image again")
    assert cleaned.data[3, 3, 3] == cleaned.data[0, 0, 0] == 0
    assert_array_equal(cleaned.data[6:], volume.data[6:])
    assert np.isnan(data[0, 0, 0]), "the input must be left as it is"


@pytest.mark.parametrize("value", [-1000, -1024, -32768])
def test_padding_is_background(volume: Volume, value: int) -> None:
    """A few slices of it would be the base of all levels."""
    data = np.round(volume.data * 200).astype(np.int16)
    expected = scale(clean(Volume(data, GRID.affine, "x")).data, SETTINGS)
    padded = data.copy()
    padded[:2] = value
    cleaned = clean(Volume(padded, GRID.affine, "x"))
    assert cleaned.notes == (f"{padded[:2].size} voxels of padding ({value}) were taken as background.",)
    assert_array_equal(cleaned.data[:2], 0)
    assert_allclose(scale(cleaned.data, SETTINGS)[2:], expected[2:], atol=0.02)
    assert padded[0, 0, 0] == value, "the input must be left as it is"


def test_padding_of_an_image_with_negative_values(volume: Volume) -> None:
    data = ((volume.data - volume.data.mean()) / volume.data.std()).astype(np.float32)
    padded = data.copy()
    padded[:2] = -1000
    assert_array_equal(clean(Volume(padded, GRID.affine, "x")).data[:2], data[2:].min())


@pytest.mark.parametrize("lowest", [0.0, 0.7])
def test_the_background_of_a_brain_is_no_padding(volume: Volume, lowest: float) -> None:
    """Neither as it is, nor where it was made negative; a brain's own values may be far from it."""
    data = np.where(volume.data > 0.3, volume.data + np.float32(lowest), 0)
    for shift, factor in ((0, 1), (0.5, 1), (data.mean(), 1 / data.std()), (data.mean(), 50)):
        moved = ((data - shift) * factor).astype(np.float32)
        cleaned = clean(Volume(moved, GRID.affine, "x"))
        assert cleaned.notes == ()
        assert_array_equal(cleaned.data, moved)


def test_a_few_lowest_voxels_are_hot_ones(volume: Volume) -> None:
    data = np.round(volume.data * 200).astype(np.int16)
    data[3, 3, 3:6] = -32768
    (note,) = clean(Volume(data, GRID.affine, "x")).notes
    assert note.startswith("3 hot voxels were clipped")


def test_hot_voxels_are_clipped_and_counted(volume: Volume) -> None:
    data = volume.data.copy()
    data[10:13, 10, 10] = 60
    data[20, 20, 20] = -60
    cleaned = clean(Volume(data, GRID.affine, "x"))
    assert len(cleaned.notes) == 1
    assert cleaned.notes[0].startswith("4 hot voxels")
    assert np.abs(cleaned.data).max() < 5
    keep = np.abs(data) < 50
    assert_array_equal(cleaned.data[keep], data[keep])
    assert_allclose(scale(cleaned.data, SETTINGS)[keep], scale(volume.data, SETTINGS)[keep], atol=0.01)


def test_no_contrast_is_an_error() -> None:
    with pytest.raises(VolumeError, match=r"flat\.nii"):
        clean(Volume(np.zeros((5, 5, 5)), np.eye(4), "flat.nii"))
    with pytest.raises(VolumeError, match="foreground"):
        scale(np.full((5, 5, 5), 3.0), SETTINGS)


def test_a_tiny_foreground_still_counts() -> None:
    data = np.zeros((40, 40, 40), np.float32)
    data[20:22, 20:22, 20:22] = 5
    assert levels(data).top == 5


@pytest.mark.parametrize("shape", [(128, 128, 128), (16, 500, 500), (500, 500, 16), (320, 320, 40)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_sample_sees_all_parts(shape: tuple[int, int, int], order: str) -> None:
    """A step that shares a factor with a side would look at a few planes only."""
    for axis in range(3):
        ramp = np.asarray(np.broadcast_to(np.indices(shape, sparse=True)[axis], shape), order=order)
        found = levels(ramp, 50)
        assert found.top == pytest.approx(shape[axis] * 0.525, rel=0.05, abs=1)


def test_real_images(infant_images: list[Path]) -> None:
    for path in infant_images:
        volume = load_volume(path)
        cleaned = clean(volume)
        scaled = scale(cleaned.data, SETTINGS)
        foreground = scaled[scaled > 0]
        assert 0.4 < np.median(foreground) < 1
        if path.name.startswith("sub-0008"):
            assert volume.data.max() > 60000
            assert cleaned.data.max() < 12000
            assert any("hot voxels" in note for note in cleaned.notes)
        else:
            assert cleaned.notes == ()
