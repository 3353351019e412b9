"""Uncertainty cut down to the box where there is any: made in the job's thread, kept in little memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 0.001
"""Below this the model is as good as sure."""


@dataclass(frozen=True, eq=False)
class UncertaintyBox:
    """Part of a volume.

    Parameters
    ----------
    origin : tuple of int
        Index of the first voxel along i, j and k.
    values : ndarray of float16
        1 - confidence, ``(i, j, k)``.
    """

    origin: tuple[int, int, int]
    values: NDArray[np.float16]


def uncertainty_box(confidence: NDArray[np.float32]) -> UncertaintyBox | None:
    """Cut out where the confidence ``(i, j, k)`` is not full; None if it is everywhere."""
    unsure = confidence < 1 - LEAST
    spans = [np.flatnonzero(unsure.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not spans[0].size:
        return None
    first, second, third = (int(span[0]) for span in spans)
    box = tuple(slice(span[0], span[-1] + 1) for span in spans)
    return UncertaintyBox((first, second, third), (1 - confidence[box]).astype(np.float16))
