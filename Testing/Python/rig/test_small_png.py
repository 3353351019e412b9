"""Pictures of documents as small files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rig.small_png import LARGEST, LARGEST_ERROR, shrink

PICTURES = sorted((Path(__file__).resolve().parents[3] / "Resources").rglob("*.png"))


@pytest.fixture
def save(tmp_path):
    def write(pixels) -> Path:
        Image.fromarray(pixels).save(tmp_path / "picture.png")
        return tmp_path / "picture.png"

    return write


def read(path: Path):
    with Image.open(path) as picture:
        assert picture.mode == "P"
        return np.asarray(picture.convert("RGB"))


def test_few_colours_stay_exactly_as_they_are(save):
    pixels = np.random.default_rng(0).integers(0, 200, (100, 1), np.uint8).repeat(300, axis=1)
    pixels = np.stack([pixels, pixels // 2, 255 - pixels], axis=-1)
    assert np.array_equal(read(save_and_shrink(save, pixels)), pixels)


def test_noise_becomes_small_with_its_colours_nearly_as_they_were(save):
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 1), np.uint8)
    pixels = np.tile(noise, 3)
    pixels[100:200, 100:200] = (250, 110, 50)
    path = save(pixels)
    assert path.stat().st_size > LARGEST
    shrink(path)
    assert path.stat().st_size <= LARGEST
    small = read(path)
    assert small.shape[0] == small.shape[1] < 900
    assert np.ptp(small.astype(int), axis=-1).mean() < 3 * LARGEST_ERROR, "grey is grey"
    place = round(150 * small.shape[0] / 900)
    assert np.abs(small[place, place].astype(int) - (250, 110, 50)).max() < 40


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_of_the_documents_are_small(path):
    assert path.stat().st_size <= LARGEST


def save_and_shrink(save, pixels) -> Path:
    path = save(pixels)
    shrink(path)
    return path
