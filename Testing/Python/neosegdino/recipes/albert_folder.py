"""A folder in the layout of the ALBERT data set, with small synthetic heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import phantom
from neosegdino.geometry import Grid
from neosegdino.recipes.albert_files import SUBJECTS
from neosegdino.volume import Volume, save_labels, save_volume

SPACING = (3.0, 3.0, 3.0)
OTHER = 7
"""Value of another structure in the labels."""


def make_albert(folder: Path, *, contrasts: tuple[str, ...] = ("T2",), swapped: tuple[str, ...] = ()) -> Path:
    """Write 20 newborns; in the `swapped` ones left and right are exchanged."""
    for part in (*contrasts, "segmentations-v3"):
        (folder / part).mkdir(parents=True)
    for number, subject in enumerate(SUBJECTS):
        draw = np.random.default_rng(number)
        grid = phantom.view(((0, 1, 2), (1, 1, 1)), SPACING)
        moved = Grid(grid.shape, grid.affine.copy())
        moved.affine[:3, 3] += draw.uniform(-3, 3, 3)
        points = phantom.everywhere(moved)
        labels = phantom.side_scores(points).argmax(axis=0).astype(np.uint8)
        if subject in swapped:
            labels = np.array([0, 2, 1], np.uint8)[labels]
        labels[:2, :2, :2] = OTHER
        for part in contrasts:
            image = 300 + 1000 * phantom.head(points) + draw.normal(0, 8, moved.shape)
            volume = Volume(image.astype(np.float32), moved.affine, subject)
            save_volume(folder / part / f"{subject}.nii.gz", volume)
        save_labels(folder / "segmentations-v3" / f"{subject}.nii.gz", labels, volume)
    return folder
