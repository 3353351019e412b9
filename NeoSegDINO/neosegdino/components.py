"""Clean-up of labels by connected components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neosegdino.spec import ComponentRule

_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)
"""Voxels that share a face, an edge or a corner belong together."""


def keep_components(labels: NDArray[np.uint8], rule: ComponentRule) -> tuple[NDArray[np.uint8], dict[int, int]]:
    """Keep the largest component of each label, and those near its size.

    Parameters
    ----------
    labels : (x, y, z) uint8 array
        0 is background. It is left as it is.
    rule : ComponentRule
        Components smaller than ``min_fraction`` of the largest of their label are removed.

    Returns
    -------
    labels : (x, y, z) uint8 array
        What is kept.
    removed : dict of int to int
        Count of removed components of each label that is present.
    """
    kept = labels.copy()
    removed: dict[int, int] = {}
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        components, _ = ndimage.label(labels[box] == label, structure=_NEIGHBOURS)
        sizes = np.bincount(components.ravel())[1:]
        small = np.flatnonzero(sizes < rule.min_fraction * sizes.max()) + 1
        kept[box][np.isin(components, small)] = 0
        removed[label] = len(small)
    return kept, removed
