"""Pictures of documents as small files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rig.small_png import LARGEST, crop_paper, shrink

PICTURES = sorted((Path(__file__).resolve().parents[3] / "Resources").rglob("*.png"))


def test_a_picture_is_rewritten_in_place(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)).save(path)
    assert path.stat().st_size > LARGEST
    shrink(path)
    assert path.stat().st_size <= LARGEST
    with Image.open(path) as picture:
        assert picture.format == "PNG"


def test_the_empty_end_of_a_page_is_cut_off(tmp_path):
    page = np.full((900, 300), 255, np.uint8)
    page[100:200, 50:250] = 0
    Image.fromarray(page).save(tmp_path / "page.png")
    crop_paper(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.size == (300, 230)


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_of_the_documents_are_small(path):
    assert path.stat().st_size <= LARGEST
