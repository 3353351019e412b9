from __future__ import annotations

import numpy as np
from NeoSegDINOLib.uncertainty_box import uncertainty_box


def test_only_the_part_that_is_unsure_is_kept():
    confidence = np.ones((20, 30, 40), np.float32)
    confidence[5:8, 10, 20:22] = 0.4
    confidence[7, 12, 25] = 0.75
    box = uncertainty_box(confidence)
    assert box.origin == (5, 10, 20)
    assert box.values.shape == (3, 3, 6)
    assert box.values.dtype == np.float16
    assert box.values[0, 0, 0] == np.float16(0.6)
    assert box.values[2, 2, 5] == np.float16(0.25)
    assert box.values[0, 1, 0] == 0


def test_a_model_that_is_sure_everywhere_has_none():
    assert uncertainty_box(np.ones((4, 5, 6), np.float32)) is None
