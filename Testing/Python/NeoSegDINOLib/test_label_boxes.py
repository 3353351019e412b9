from __future__ import annotations

import numpy as np
from module_samples.classes import CLASSES, LEFT, RIGHT
from NeoSegDINOLib.label_boxes import label_boxes


def test_box_is_the_smallest_and_holds_all_voxels():
    labels = np.zeros((9, 8, 7), np.uint8)
    labels[2, 3:6, 4] = LEFT.label
    labels[0, 0, 0] = labels[8, 7, 6] = RIGHT.label
    left, right = label_boxes(labels, CLASSES)
    assert left.class_spec is LEFT
    assert left.extent == ((2, 2), (3, 5), (4, 4))
    assert left.mask.shape == (1, 3, 1)
    assert left.mask.all()
    assert right.extent == ((0, 8), (0, 7), (0, 6))
    assert right.mask.sum() == 2


def test_an_empty_class_has_an_empty_box():
    left, _right = label_boxes(np.zeros((3, 3, 3), np.uint8), CLASSES)
    assert left.extent == ((0, -1),) * 3
    assert left.mask.size == 0
