"""Cases as files: heads of the phantom, each a little elsewhere, with their hippocampi as labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import phantom
from neosegdino.cases.case import Case
from neosegdino.geometry import Grid
from neosegdino.training.settings import FinetuneSettings
from neosegdino.volume import Volume, save_labels, save_volume

QUICK = {"window": (24, 16, 16), "epochs": 3, "views": 2, "warmup": 1, "rate": 3e-3, "device": "cpu"}
"""Settings of a run that takes seconds."""


def make_case(folder: Path, number: int, subject: str = "") -> Case:
    """Write one case."""
    name = f"case{number}"
    draw = np.random.default_rng(number)
    grid = phantom.view(((0, 1, 2), (1, 1, 1)), spacing=(2.0, 2.0, 2.0))
    moved = Grid(grid.shape, grid.affine.copy())
    moved.affine[:3, 3] += draw.uniform(-3, 3, 3)
    points = phantom.everywhere(moved)
    labels = phantom.side_scores(points).argmax(axis=0).astype(np.uint8)
    image = 1000 * phantom.head(points) + 500 * (labels == 1) + 1000 * (labels == 2)  # the sides are easy to tell
    image += draw.normal(0, 8, moved.shape)
    volume = Volume(image.astype(np.float32), moved.affine, name)
    folder.mkdir(parents=True, exist_ok=True)
    save_volume(folder / f"{name}.nii", volume)
    save_labels(folder / f"{name}_labels.nii", labels, volume)
    return Case(name, str(folder / f"{name}.nii"), str(folder / f"{name}_labels.nii"), subject or name)


def make_cases(folder: Path, count: int) -> list[Case]:
    """Write cases of as many subjects."""
    return [make_case(folder, number) for number in range(count)]


def quick(bundle: Path, **changes: object) -> FinetuneSettings:
    """Settings of a quick run from a bundle."""
    return FinetuneSettings(bundle=str(bundle), **(QUICK | changes))  # type: ignore[arg-type]
