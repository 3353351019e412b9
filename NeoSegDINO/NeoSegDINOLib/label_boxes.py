"""Labels cut down to the box around each class: made in the job's thread, so that the window has little left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from neosegdino.spec import ClassSpec


@dataclass(frozen=True, eq=False)
class LabelBox:
    """Voxels of one class.

    Parameters
    ----------
    class_spec : ClassSpec
        The class.
    extent : tuple of int
        First and last index along i, j and k; the last before the first where the class is empty.
    mask : ndarray of bool
        Voxels ``(i, j, k)`` of the box.
    """

    class_spec: ClassSpec
    extent: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    mask: NDArray[np.bool_]


def label_boxes(labels: NDArray[np.uint8], classes: Sequence[ClassSpec]) -> list[LabelBox]:
    """Cut the box of each class out of labels ``(i, j, k)``."""
    return [_cut(labels == class_spec.label, class_spec) for class_spec in classes]


def _cut(mask: NDArray[np.bool_], class_spec: ClassSpec) -> LabelBox:
    ends = []
    for axis in range(3):
        planes = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        ends.append((int(planes[0]), int(planes[-1])) if planes.size else (0, -1))
    box = tuple(slice(first, last + 1) for first, last in ends)
    return LabelBox(class_spec, (ends[0], ends[1], ends[2]), mask[box].copy())
