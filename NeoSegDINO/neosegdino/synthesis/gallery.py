"""Pictures of synthetic images, and of real ones beside them, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from neosegdino.files import atomic_path

Slice = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Image and classes of one slice, columns first."""
COLORS = {1: (255, 140, 60), 2: (60, 170, 255)}
ZOOM = 3


def coronal(image: NDArray[np.float32], target: NDArray[np.int64]) -> list[Slice]:
    """Three coronal slices of a window: through the hippocampi's middle, and in front of and behind it."""
    filled = np.flatnonzero(target.any(axis=(0, 2)))
    middle = round(float(filled.mean())) if len(filled) else image.shape[1] // 2
    reach = image.shape[1] // 6
    places = np.clip([middle - reach, middle, middle + reach], 0, image.shape[1] - 1)
    return [(image[:, place], target[:, place]) for place in places]


def write_gallery(path: Path, rows: Sequence[Sequence[Slice]]) -> None:
    """Write slices as a sheet of rows; hippocampi are outlined, left orange, right blue.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    panels = [[_panel(*one) for one in row] for row in rows]
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in panels], axis=0)
    with atomic_path(path) as temporary:
        Image.fromarray(sheet).save(temporary, "PNG")


def _panel(image: NDArray[np.float32], target: NDArray[np.int64]) -> NDArray[np.uint8]:
    grey = ndimage.zoom(np.clip(image, 0, 1), ZOOM, order=1)
    color = np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=2)
    large = target.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    for side, shade in COLORS.items():
        mask = large == side
        color[mask & ~ndimage.binary_erosion(mask)] = shade
    # As radiologists look at it: the head faces the viewer, superior is up.
    upright: NDArray[np.uint8] = np.ascontiguousarray(color.transpose(1, 0, 2)[::-1, ::-1])
    return upright
