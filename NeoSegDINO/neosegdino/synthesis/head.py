"""One synthetic head as a volume with its true labels: samples, and tests of the whole road."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Generator
from neosegdino.volume import Volume

HEAD = View((152, 184, 152), 0.8, (4.0, 8.0, 8.0), rotation_deg=15.0)
"""Field of view over a newborn's whole head."""
MARGIN = 4
"""Voxels of air kept around the head."""
GREY_LEVELS = 170
"""Stored value of a scaled intensity of 1, so that clipped ones still fit into a byte."""


def synthesize_head(generator: Generator, name: str, view: View = HEAD) -> tuple[Volume, NDArray[np.uint8]]:
    """Make one head, cropped to what is not air.

    Parameters
    ----------
    generator : Generator
        Makes the image.
    name : str
        Source of the volume.
    view : View
        Field of view.

    Returns
    -------
    volume : Volume
        uint8 image on a RAS grid centred on the world's origin.
    labels : (x, y, z) uint8 array
        0 background, 1 left, 2 right hippocampus.
    """
    batch = generator(1, view)
    image = np.rint(batch.image[0, 0].cpu().numpy() * GREY_LEVELS).astype(np.uint8)
    head = np.argwhere(batch.structure[0].cpu().numpy() > 0)
    low = np.maximum(head.min(axis=0) - MARGIN, 0)
    high = np.minimum(head.max(axis=0) + MARGIN + 1, image.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    affine = np.diag([view.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = -(high - low - 1) / 2 * view.spacing_mm
    return Volume(image[box], affine, name), batch.target[0].cpu().numpy().astype(np.uint8)[box]
