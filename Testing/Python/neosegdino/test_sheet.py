from __future__ import annotations

import numpy as np
import pytest
from neosegdino.sheet import BRIGHT, compose, rgb
from PIL import Image

RED, BLUE = (250, 0, 10), (10, 0, 250)


def panel(value: int, side: int = 300) -> Image.Image:
    return Image.new("RGB", (side, side), (value, value, value))


def places(sheet: Image.Image, color: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((np.asarray(sheet) == color).all(axis=-1))


def test_rows_of_panels_lie_below_their_titles_and_above_the_caption() -> None:
    rows = [([("one", RED)], [panel(100), panel(110)]), ([("two", BLUE)], [panel(120), panel(130)])]
    sheet = compose(rows, [("caption", BRIGHT)])
    boxes = [places(sheet, (value,) * 3) for value in (100, 110, 120, 130)]
    assert all(len(box) == 300 * 300 for box in boxes)
    tops = [box[:, 0].min() for box in boxes]
    assert tops[0] == tops[1] < boxes[0][:, 0].max() < tops[2] == tops[3]
    assert boxes[0][:, 1].max() < boxes[1][:, 1].min()
    assert places(sheet, RED)[:, 0].max() < tops[0]
    assert boxes[0][:, 0].max() < places(sheet, BLUE)[:, 0].min() < places(sheet, BLUE)[:, 0].max() < tops[2]
    assert places(sheet, BRIGHT)[:, 0].min() > boxes[2][:, 0].max()


@pytest.mark.parametrize("letters", [5, 500])
def test_a_long_first_text_leaves_room_for_the_others(letters: int) -> None:
    title = [("n" * letters, BRIGHT), ("Dice 0.81", RED), ("Dice 0.79", BLUE)]
    sheet = compose([(title, [panel(0), panel(0), panel(0)])], [])
    name, first, second = (places(sheet, color)[:, 1] for color in (BRIGHT, RED, BLUE))
    assert name.max() < first.min() < first.max() < second.min()
    assert second.max() < sheet.width - 16
    assert (second.max() > sheet.width - 80) == (letters == 500), "all of the width is used where it is needed"


def test_research_use_is_written() -> None:
    below = np.asarray(compose([([], [panel(0), panel(0)])], []))[-38:]
    assert (below > 140).any()


def test_colours_as_bytes() -> None:
    assert rgb((0.0, 0.5, 1.0)) == (0, 128, 255)
