"""Small label maps of unlike heads with two plain hippocampi, for everything that makes images of them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from neosegdino.synthesis.anatomy import LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS
from neosegdino.synthesis.label_maps import LabelMaps, load_label_maps
from numpy.typing import NDArray

SHAPE = (120, 130, 110)
OUTSIDE = 506


def head_labels(stretch: float = 1.0) -> NDArray[np.int16]:
    """FreeSurfer labels on a 1 mm RAS grid; the left hippocampus is the longer one."""
    place = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in SHAPE], indexing="ij"), axis=-1)

    def ball(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (((place - centre) / np.array(radii) * stretch) ** 2).sum(-1) < 1
        return inside

    left = place[..., 0] < 0
    labels = np.zeros(SHAPE, np.int16)
    labels[ball((0, 0, 0), (56, 62, 52))] = OUTSIDE
    labels[ball((0, 0, 0), (52, 58, 48))] = 24
    grey, white = ball((0, 0, 0), (49, 55, 45)), ball((0, 0, 0), (42, 48, 38))
    labels[grey & left], labels[grey & ~left] = 3, 42
    labels[white & left], labels[white & ~left] = 2, 41
    labels[ball((-8, 5, 8), (5, 15, 6))], labels[ball((8, 5, 8), (5, 15, 6))] = 4, 43
    labels[ball((0, -20, -22), (9, 9, 14))] = 16
    labels[ball((-24, -5, -8), (7, 17, 7))] = LEFT_HIPPOCAMPUS
    labels[ball((24, -5, -8), (7, 14, 7))] = RIGHT_HIPPOCAMPUS
    return labels


def write_map(path: Path, labels: NDArray[np.int16], affine: NDArray[np.float64] | None = None) -> Path:
    nib.save(nib.Nifti1Image(labels, np.eye(4) if affine is None else affine), path)
    return path


def fake_maps(folder: Path, count: int = 2) -> LabelMaps:
    for number in range(count):
        write_map(folder / f"head_{number:02}.nii.gz", head_labels(1 + 0.05 * number))
    return load_label_maps(folder)
