from __future__ import annotations

from collections.abc import Callable

import numpy as np
import phantom
import pytest
from neosegdino.geometry import Grid
from neosegdino.planes import PIXELS, PLANES, centre_between, draw_outline, head_bounds, panel, prepare, view_around
from neosegdino.volume import Volume

GRID = phantom.view(phantom.ORIENTATIONS[17], (1.2, 1.6, 2.0), (8, -11, 5))


def labels() -> np.ndarray:
    return phantom.side_scores(phantom.everywhere(GRID)).argmax(axis=0).astype(np.uint8)


def test_planes_cut_between_the_sides_and_through_the_wanted_one() -> None:
    middle = (phantom.LEFT + phantom.RIGHT) / 2
    for label, ball in ((1, phantom.LEFT), (2, phantom.RIGHT)):
        centre = centre_between(labels(), GRID.affine, label)
        assert centre is not None
        np.testing.assert_allclose(centre, [ball[0], *middle[1:]], atol=0.3)
    assert centre_between(np.zeros(GRID.shape, np.uint8), GRID.affine) is None


def test_the_larger_side_counts_where_none_is_wanted_or_there() -> None:
    points = phantom.everywhere(GRID) - phantom.LEFT
    smaller = np.where((labels() == 1) & ((points**2).sum(-1) > 16), 0, labels()).astype(np.uint8)
    for wanted in (None, 7):
        centre = centre_between(smaller, GRID.affine, wanted)
        assert centre is not None
        assert centre[0] == pytest.approx(phantom.RIGHT[0], abs=0.3)


def test_the_view_slides_over_the_head_and_not_beside_it() -> None:
    head = np.array([[-50.0, 50.0], [-80.0, 80.0], [-60.0, 60.0]])
    view = view_around(head, np.array([45.0, 0.0, -58.0]), 70)
    np.testing.assert_allclose(view[:, 1] - view[:, 0], 70)
    assert view[0, 1] == pytest.approx(54)
    np.testing.assert_allclose(view[1], [-35, 35])
    assert view[2, 0] == pytest.approx(-64)
    np.testing.assert_allclose(view_around(head, None, 1000), np.array([[-84, 84]] * 3))


def test_an_outline_is_the_inner_border_as_wide_as_wanted(head_volume: Callable[[Grid], Volume]) -> None:
    shown = prepare(head_volume(GRID))
    mask = labels() == 1
    view = view_around(head_bounds(shown), phantom.LEFT, 40)
    areas = []
    for width in (1, 4):
        made = panel(shown, PLANES[0], phantom.LEFT, view)
        draw_outline(made, mask, GRID.affine, (255, 0, 0), width)
        row, column = np.nonzero((np.asarray(made.image) == (255, 0, 0)).all(axis=-1))
        distance = np.hypot(row - row.mean(), column - column.mean()) * 40 / PIXELS
        assert distance.max() == pytest.approx(phantom.RADIUS, abs=1.2)
        assert distance.min() > phantom.RADIUS - 1.5
        areas.append(len(row))
    assert areas[1] == pytest.approx(4 * areas[0], rel=0.25)
