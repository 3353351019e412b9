from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neosegdino.errors import OutputError
from neosegdino.synthesis.gallery import COLORS, ZOOM, coronal, write_gallery
from PIL import Image

SHAPE = (20, 30, 16)
ORANGE, BLUE = COLORS[1], COLORS[2]


def window() -> tuple[np.ndarray, np.ndarray]:
    """Grey as the second index, with a left and a right block in RAS, both in the lower half."""
    image = np.broadcast_to(np.linspace(0, 1, SHAPE[1])[:, None], SHAPE).astype(np.float32)
    target = np.zeros(SHAPE, np.int64)
    target[3:8, 8:15, 2:7], target[12:17, 8:15, 2:7] = 1, 2
    return image, target


def test_slices_through_before_and_behind_the_hippocampi() -> None:
    image, target = window()
    slices = coronal(image, target)
    assert [round(float(shown[0, 0]) * (SHAPE[1] - 1)) for shown, _ in slices] == [6, 11, 16]
    assert [bool(classes.any()) for _, classes in slices] == [False, True, False]
    assert all(shown.shape == classes.shape == (SHAPE[0], SHAPE[2]) for shown, classes in slices)


@pytest.mark.parametrize(("filled", "places"), [(None, [10, 15, 20]), (0, [0, 0, 5]), (29, [24, 29, 29])])
def test_slices_lie_in_the_window_whatever_it_shows(filled: int | None, places: list[int]) -> None:
    image, target = window()
    target[:] = 0
    if filled is not None:
        target[4, filled, 4] = 1
    assert [round(float(shown[0, 0]) * (SHAPE[1] - 1)) for shown, _ in coronal(image, target)] == places


def test_the_sheet_shows_heads_as_radiologists_look_at_them(tmp_path: Path) -> None:
    """The left hippocampus, in orange, is on the viewer's right; what is below is below."""
    row = coronal(*window())
    write_gallery(tmp_path / "sheet.png", [row, row])
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    height, width = ZOOM * SHAPE[2], ZOOM * SHAPE[0]
    assert sheet.shape == (2 * height, 3 * width, 3)
    assert np.array_equal(sheet[:height], sheet[height:])
    middle = sheet[:height, width : 2 * width]
    places = [np.argwhere((middle == color).all(axis=2)).mean(axis=0) for color in (ORANGE, BLUE)]
    assert places[0][1] > width / 2 > places[1][1]
    assert min(place[0] for place in places) > height / 2
    coloured = (sheet.min(axis=2) != sheet.max(axis=2))[:height]
    assert not coloured[:, :width].any() and not coloured[:, 2 * width :].any()
    assert not coloured[round(places[0][0]), width + round(places[0][1])], "an outline, not a filling"


def test_a_sheet_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        write_gallery(tmp_path / "file" / "sheet.png", [coronal(*window())])
