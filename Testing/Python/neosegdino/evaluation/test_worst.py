from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import phantom
import pytest
from evaluation_cases import moved
from neosegdino.errors import OutputError
from neosegdino.evaluation import worst
from neosegdino.evaluation.measures import compare
from neosegdino.evaluation.worst import SIDE_COLORS, Example, draw_worst
from neosegdino.geometry import Grid
from neosegdino.sheet import rgb
from oracle_bundle import make_view, truth, volume_on
from PIL import Image

GRID = make_view(phantom.ORIENTATIONS[29], (1.6, 2.0, 2.4))


def example(name: str = "case", grid: Grid = GRID, found: np.ndarray | None = None) -> Example:
    volume, reference = volume_on(grid), truth(phantom.everywhere(grid))
    found = reference if found is None else found
    measures = {
        side: compare(reference == value, found == value, volume.spacing) for side, value in (("left", 1), ("right", 2))
    }
    return Example(name, volume, reference, found, measures, SIDE_COLORS)


def drawn(path: Path, *examples: Example) -> np.ndarray:
    draw_worst(examples, path)
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def places(picture: np.ndarray, color: tuple[int, int, int], column: int = 0, row: int = 0) -> np.ndarray:
    """Return the (row, column) of the pixels of a colour in one panel, its title left out."""
    panel = picture[row * 598 + 38 : (row + 1) * 598, 16 + column * 576 : 576 + column * 576]
    return np.argwhere((panel == color).all(axis=-1))


LEFT, RIGHT = rgb(SIDE_COLORS["left"]), rgb(SIDE_COLORS["right"])


def test_reference_and_result_are_where_they_are(tmp_path: Path) -> None:
    """Moved to the patient's left, which is the picture's right; the reference stays."""
    picture = drawn(tmp_path / "x.png", example(found=moved(GRID, (-5, 0, 0))))
    reference, left, right = (places(picture, color) for color in (worst._REFERENCE, LEFT, RIGHT))
    middle = reference[:, 1].mean()
    assert right[:, 1].mean() < middle < left[:, 1].mean(), "right is on the left of the picture"
    true_left, true_right = (
        reference[:, 1][part].mean() for part in (reference[:, 1] > middle, reference[:, 1] < middle)
    )
    assert left[:, 1].mean() > true_left + 15
    assert right[:, 1].mean() > true_right + 15


def test_where_both_agree_both_are_seen(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "x.png", example())
    for color in (worst._REFERENCE, LEFT, RIGHT):
        assert len(places(picture, color)) > 200


def test_a_row_for_each_case(tmp_path: Path) -> None:
    one = drawn(tmp_path / "one.png", example())
    nothing = np.zeros(GRID.shape, np.uint8)
    three = drawn(tmp_path / "three.png", example(), example(found=nothing), example(found=moved(GRID, (0, 4, 0))))
    assert three.shape[0] == one.shape[0] + 2 * 598
    assert len(places(three, LEFT, row=1)) == 0, "a result that is not there has no outline"
    assert len(places(three, worst._REFERENCE, row=1)) > 200
    assert len(places(three, LEFT, row=2)) > 200


def test_the_sagittal_plane_goes_through_the_worse_side(tmp_path: Path) -> None:
    reference = truth(phantom.everywhere(GRID))
    for worse, color in ((1, LEFT), (2, RIGHT)):
        smaller = np.where(reference == worse, moved(GRID, (0, 0, 0), 0.7), reference).astype(np.uint8)
        picture = drawn(tmp_path / "x.png", example(found=smaller))
        other = RIGHT if worse == 1 else LEFT
        assert len(places(picture, color, column=2)) > 50
        assert len(places(picture, other, column=2)) == 0


def test_the_picture_does_not_depend_on_the_storage_order(tmp_path: Path) -> None:
    pictures = []
    for number in (0, 22, 45):
        order, _ = phantom.ORIENTATIONS[number]
        grid = make_view(phantom.ORIENTATIONS[number], [(1.6, 2.0, 2.4)[axis] for axis in order])
        pictures.append(drawn(tmp_path / "x.png", example("same", grid, moved(grid, (0, 3, 1)))))
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).mean() < 3


def test_a_result_without_reference_and_odd_names(tmp_path: Path) -> None:
    given = example("Ünïcode " + "very long name " * 40)
    nothing = np.zeros_like(given.reference)
    measures = {
        side: compare(nothing == 1, given.found == value, (1, 1, 1)) for side, value in (("left", 1), ("right", 2))
    }
    picture = drawn(tmp_path / "x.png", replace(given, reference=nothing, measures=measures))
    assert len(places(picture, worst._REFERENCE)) == 0
    assert len(places(picture, LEFT)) > 200


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"):
        draw_worst([example()], tmp_path / "absent" / "x.png")
