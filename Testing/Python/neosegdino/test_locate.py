from __future__ import annotations

import json
import re

import numpy as np
import pytest
from neosegdino.geometry import Grid
from neosegdino.locate import ANTERIOR, Located, head_grid, judge
from neosegdino.spec import DecoderSpec, LocatorSpec
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from phantom import everywhere

SPEC = LocatorSpec((2.5, 2.0, 2.0), (40, 44, 36), 2, DecoderSpec("linear", "locator.safetensors"))
BOUNDS = np.array([[-45.0, 35.0], [-60.0, 20.0], [-30.0, 40.0]])
LEFT, RIGHT = np.array([-18.0, -22.0, 0.0]), np.array([9.0, -19.0, 4.0])
SIDES = (1, 2)


def coarse(
    grid: Grid, left: NDArray[np.float64] | None = LEFT, right: NDArray[np.float64] | None = RIGHT, sure: float = 0.9
) -> NDArray[np.float32]:
    """Probabilities with a ball of 7 mm on either side, in RAS."""
    points = everywhere(grid)
    parts = [
        np.zeros(grid.shape) if place is None else sure * (np.linalg.norm(points - place, axis=-1) < 7)
        for place in (left, right)
    ]
    return np.stack([1 - parts[0] - parts[1], *parts]).astype(np.float32)


def locate(back_to_front: bool = False, **changes: NDArray[np.float64] | float | None) -> Located:
    grid = head_grid(BOUNDS, SPEC, back_to_front)
    return judge(coarse(grid, **changes), grid, SIDES, SPEC, back_to_front)  # type: ignore[arg-type]


@pytest.mark.parametrize("back_to_front", [False, True])
def test_the_centre_lies_between_both_whichever_way_the_grid_runs(back_to_front: bool) -> None:
    found = locate(back_to_front)
    assert found.doubt == ""
    assert found.back_to_front is back_to_front
    assert_allclose(found.centre, (LEFT + RIGHT) / 2, atol=0.6)
    assert_allclose(found.volumes_mm3, [0.9 * 4 / 3 * np.pi * 343] * 2, rtol=0.1)


def test_a_larger_side_does_not_pull_the_centre_to_it() -> None:
    grid = head_grid(BOUNDS, SPEC, False)
    both = coarse(grid)
    both[1] *= 0.4
    found = judge(both, grid, SIDES, SPEC, False)
    assert_allclose(found.centre, (LEFT + RIGHT) / 2, atol=0.6)
    assert found.volumes_mm3[0] < 0.5 * found.volumes_mm3[1]


def test_a_faint_haze_does_not_pull_the_centre() -> None:
    grid = head_grid(BOUNDS, SPEC, False)
    hazy = coarse(grid)
    hazy[1:, :, :, 20:] += 0.01
    assert_allclose(judge(hazy, grid, SIDES, SPEC, False).centre, (LEFT + RIGHT) / 2, atol=1.0)


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"left": None}, "hardly any sign of the left hippocampus"),
        ({"right": None}, "hardly any sign of the right hippocampus"),
        ({"sure": 0.05}, "hardly any sign of the"),
        ({"left": RIGHT, "right": LEFT}, "swapped places"),
        ({"left": np.array([-3.0, -20, 0]), "right": np.array([3.0, -20, 0])}, "6 mm apart"),
        ({"left": np.array([-44.0, -20, 0]), "right": np.array([34.0, -20, 0])}, r"7\d mm apart"),
    ],
)
def test_doubts(changes: dict[str, NDArray[np.float64] | None], doubt: str) -> None:
    found = locate(**changes)
    assert found.doubt
    assert re.search(doubt, found.doubt)
    assert found.as_dict()["doubt"] == found.doubt


def test_nothing_at_all_is_a_doubt_and_still_a_place() -> None:
    found = locate(left=None, right=None)
    assert "hardly any sign" in found.doubt
    assert np.isfinite(found.centre).all()


def test_sides_follow_the_classes_not_their_order() -> None:
    grid = head_grid(BOUNDS, SPEC, False)
    found = judge(coarse(grid, RIGHT, LEFT), grid, (2, 1), SPEC, False)
    assert found.doubt == ""


def test_the_finding_as_a_report_states_it() -> None:
    stated = locate().as_dict()
    json.dumps(stated)
    assert stated["doubt"] is None
    assert stated["back_to_front"] is False
    assert len(stated["centre_ras"]) == 3


def test_the_window_is_centred_on_the_head() -> None:
    grid = head_grid(BOUNDS, SPEC, False)
    assert grid.shape == SPEC.size
    assert_allclose(np.diag(grid.affine), [*SPEC.spacing_mm, 1])
    assert_allclose(grid.points((np.array(grid.shape) - 1) / 2), BOUNDS.mean(axis=1))


def test_with_a_neck_the_window_hangs_from_the_vertex() -> None:
    tall = BOUNDS.copy()
    tall[2, 0] = -200
    grid = head_grid(tall, SPEC, False)
    top = grid.points(np.array([0, 0, grid.shape[2] - 0.5]))[2]
    assert top == pytest.approx(tall[2, 1])
    assert_allclose(grid.points((np.array(grid.shape) - 1) / 2)[:2], tall.mean(axis=1)[:2])


def test_back_to_front_is_the_same_space_read_the_other_way() -> None:
    ahead, behind = head_grid(BOUNDS, SPEC, False), head_grid(BOUNDS, SPEC, True)
    index = np.array([3, 5, 7])
    opposite = index.copy()
    opposite[ANTERIOR] = SPEC.size[ANTERIOR] - 1 - index[ANTERIOR]
    assert_allclose(behind.points(index), ahead.points(opposite))
