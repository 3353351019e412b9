from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neosegdino.training.figures import load_figures, record_figures, side_rows, single_row


def test_either_side_with_its_spread_over_the_images_that_have_a_value() -> None:
    table = np.array([[0.8, 0.5], [0.6, np.nan], [0.7, 0.7]])
    left, right = side_rows("heads", "Dice", table, "measure", held_out=True, note="small")
    assert (left.metric, left.count, left.mean, left.sd) == ("Dice, left", 3, 0.7, 0.1)
    assert (right.metric, right.count, right.mean) == ("Dice, right", 2, 0.6)
    assert right.sd == pytest.approx(np.std([0.5, 0.7], ddof=1), abs=1e-4)
    assert {(row.data, row.command, row.held_out, row.note) for row in (left, right)} == {
        ("heads", "measure", True, "small")
    }


def test_one_image_has_no_spread_and_a_side_without_a_value_no_row() -> None:
    (only,) = side_rows("head", "HD95 (mm)", np.array([[np.nan, 1.23456]]), "measure", held_out=False)
    assert (only.metric, only.count, only.mean, only.sd, only.held_out) == ("HD95 (mm), right", 1, 1.2346, 0.0, False)


def test_figures_are_added_and_measured_ones_replaced(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    assert load_figures(path) == []
    dice = side_rows("heads", "Dice", np.array([[0.1, 0.2]]), "measure", held_out=True)
    record_figures(path, dice)
    located = single_row("heads", "located", 0.98765, 200, "measure-heads", note="2 unsure")
    assert (located.mean, located.sd, located.count, located.held_out) == (0.9877, 0.0, 200, True)
    record_figures(path, [located])
    assert load_figures(path) == [*dice, located]
    again = side_rows("heads", "Dice", np.array([[0.3, 0.4]]), "measure", held_out=True)
    record_figures(path, again)
    assert load_figures(path) == [located, *again]
    other = single_row("other heads", "located", 1.0, 3, "measure-heads")
    record_figures(path, [other])
    assert load_figures(path) == [located, *again, other]
