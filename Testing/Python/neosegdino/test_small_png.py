"""Pictures as small files."""

from __future__ import annotations

import io

import numpy as np
from neosegdino.small_png import LARGEST_ERROR, small_png
from numpy.typing import NDArray
from PIL import Image

LARGEST = 200_000


def small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is in the small file of a picture."""
    file = small_png(Image.fromarray(pixels), LARGEST)
    assert len(file) <= LARGEST
    with Image.open(io.BytesIO(file)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "P")
        return np.asarray(picture.convert("RGB"))


def test_few_colours_stay_exactly_as_they_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (100, 1), np.uint8).repeat(300, axis=1)
    pixels = np.stack([pixels, pixels // 2, 255 - pixels], axis=-1)
    found = small(pixels)
    assert np.array_equal(found, pixels)
    assert np.array_equal(small(found), pixels), "a second time changes nothing"


def test_noise_becomes_small_with_its_colours_nearly_as_they_were() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 1), np.uint8)
    pixels = np.tile(noise, 3)
    pixels[100:200, 100:200] = (250, 110, 50)
    found = small(pixels)
    assert found.shape[0] == found.shape[1] < 900
    assert np.ptp(found.astype(int), axis=-1).mean() < 3 * LARGEST_ERROR, "grey is grey"
    place = round(150 * found.shape[0] / 900)
    assert np.abs(found[place, place].astype(int) - (250, 110, 50)).max() < 40
