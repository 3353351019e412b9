"""Cases as real NIfTI files: the oracle's head on any grid, with its true labels or others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from neosegdino.cases.case import Case
from neosegdino.geometry import Grid
from neosegdino.volume import Volume, save_labels, save_volume
from numpy.typing import NDArray
from oracle_bundle import LEFT, RADIUS, RIGHT, truth, volume_on
from phantom import everywhere


def make_case(folder: Path, name: str, grid: Grid, subject: str = "", image: str = "") -> Case:
    """Write the head on a grid with its true labels."""
    folder.mkdir(parents=True, exist_ok=True)
    volume = volume_on(grid)
    files = folder / (image or f"{name}.nii.gz"), folder / f"{name}_labels.nii.gz"
    files[0].parent.mkdir(parents=True, exist_ok=True)
    save_volume(files[0], volume)
    save_labels(files[1], truth(everywhere(grid)), volume)
    return Case(name, str(files[0]), str(files[1]), subject or name)


def write_labels(path: Path, labels: NDArray[np.uint8], grid: Grid) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_labels(path, labels, Volume(labels, grid.affine, path.name))


def moved(grid: Grid, shift_mm: tuple[float, float, float], scale: float = 1.0) -> NDArray[np.uint8]:
    """The true labels moved in RAS, and their radius scaled."""
    points = everywhere(grid) - np.array(shift_mm)
    inside = [((points - centre) ** 2).sum(-1) < (scale * RADIUS) ** 2 for centre in (LEFT, RIGHT)]
    labels: NDArray[np.uint8] = (inside[0] + 2 * inside[1]).astype(np.uint8)
    return labels
