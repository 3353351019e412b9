from __future__ import annotations

import numpy as np
from neosegdino.components import keep_components
from neosegdino.spec import ComponentRule
from numpy.testing import assert_array_equal


def labelled() -> np.ndarray:
    labels = np.zeros((20, 16, 12), np.uint8)
    labels[2:6, 2:6, 2:6] = 1
    labels[10:13, 2:6, 2:6] = 1  # 48 of 64 voxels
    labels[15, 15, 11] = 1
    labels[2:5, 10:13, 8:11] = 2
    labels[8, 8, 8] = 2
    return labels


def test_small_components_go_and_large_ones_stay() -> None:
    labels = labelled()
    before = labels.copy()
    kept, removed = keep_components(labels, ComponentRule(0.5))
    assert removed == {1: 1, 2: 1}
    expected = before.copy()
    expected[15, 15, 11] = expected[8, 8, 8] = 0
    assert_array_equal(kept, expected)
    assert kept.dtype == np.uint8
    assert_array_equal(labels, before)


def test_the_fraction_decides() -> None:
    assert keep_components(labelled(), ComponentRule(0.0))[1] == {1: 0, 2: 0}
    kept, removed = keep_components(labelled(), ComponentRule(1.0))
    assert removed == {1: 2, 2: 1}
    assert np.bincount(kept.ravel())[1:].tolist() == [64, 27]


def test_voxels_that_touch_at_a_corner_belong_together() -> None:
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[range(5), range(5), range(5)] = 1
    kept, removed = keep_components(labels, ComponentRule(1.0))
    assert removed == {1: 0}
    assert_array_equal(kept, labels)


def test_a_component_of_one_label_in_the_box_of_another_is_left_alone() -> None:
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[0, 0, 0] = labels[8, 8, 8] = 1
    labels[4, 4, 4] = 2
    kept, removed = keep_components(labels, ComponentRule(1.0))
    assert removed == {1: 0, 2: 0}
    assert_array_equal(kept, labels)


def test_nothing_in_nothing_out() -> None:
    kept, removed = keep_components(np.zeros((4, 4, 4), np.uint8), ComponentRule())
    assert removed == {}
    assert not kept.any()
