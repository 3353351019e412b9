from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from neosegdino.training.curves import curves_picture, curves_table
from neosegdino.training.run_folder import CurvePoint
from PIL import Image

LEFT, RIGHT, TRAINING, VALIDATION, KEPT = (217, 98, 43), (43, 131, 196), (68, 68, 68), (153, 153, 153), (90, 156, 75)


def points(validated: bool, count: int = 12) -> list[CurvePoint]:
    return [
        CurvePoint(
            epoch,
            1_000_003 * epoch,
            5e-4,
            1 / epoch,
            *((2 / epoch, 0.1 + 0.05 * epoch, 0.05 * epoch) if validated else (None,) * 3),
        )
        for epoch in range(1, count + 1)
    ]


def pixels(made: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(made))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def near(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    """Pixels of about a colour."""
    return int((np.abs(picture - np.array(color)).max(axis=-1) < 12).sum())


def test_the_table_has_a_row_an_epoch() -> None:
    rows = list(csv.DictReader(io.StringIO(curves_table(points(True, 3)))))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["step"] for row in rows] == ["1000003", "2000006", "3000009"]
    assert float(rows[2]["loss"]) == pytest.approx(1 / 3, rel=1e-5)
    assert (rows[1]["rate"], rows[1]["dice_left"], rows[1]["dice_right"]) == ("0.0005", "0.2", "0.1")


def test_what_was_not_measured_is_empty() -> None:
    rows = list(csv.DictReader(io.StringIO(curves_table(points(False, 2)))))
    assert {row[name] for row in rows for name in ("validation_loss", "dice_left", "dice_right")} == {""}
    assert curves_table([]).count("\n") == 1


def test_the_picture_shows_all_curves() -> None:
    picture = pixels(curves_picture(points(True), best_epoch=5))
    assert picture.shape[0] > 200 and picture.shape[1] > 500
    for color in (LEFT, RIGHT, TRAINING, VALIDATION, KEPT):
        assert near(picture, color) > 100, color


def test_without_validation_only_the_loss_is_there() -> None:
    picture = pixels(curves_picture(points(False), best_epoch=0))
    assert near(picture, TRAINING) > 100
    assert (near(picture, LEFT), near(picture, RIGHT), near(picture, KEPT)) == (0, 0, 0)


def test_a_single_epoch_can_be_seen() -> None:
    pictures = [
        pixels(curves_picture([CurvePoint(1, 4, 5e-4, 1.0, 1.0, dice, None)], best_epoch=0)) for dice in (0.2, 0.6)
    ]
    dots = [np.abs(picture - np.array(LEFT)).max(axis=-1) < 40 for picture in pictures]
    assert bool((dots[0] & ~dots[1]).any()) and bool((dots[1] & ~dots[0]).any())
    assert pixels(curves_picture([], best_epoch=0)).shape == pictures[0].shape
