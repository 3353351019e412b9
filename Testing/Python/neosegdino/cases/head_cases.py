"""Cases as files: the phantom's head, with its hippocampi as labels, in any orientation and with any damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import phantom
from neosegdino.cases.case import Case
from neosegdino.geometry import Grid
from neosegdino.volume import Volume, save_volume
from numpy.typing import NDArray

HEAD_MM = 30.0
RAS = ((0, 1, 2), (1, 1, 1))
Array = NDArray[Any]
Change = Callable[[Array], Array]


def small_grid(
    orientation: tuple[tuple[int, ...], tuple[int, ...]] = RAS, angles_deg: tuple[float, ...] = (0, 0, 0)
) -> Grid:
    return phantom.view(orientation, (3.0, 3.0, 3.0), angles_deg)


def write_case(
    folder: Path,
    name: str = "one",
    *,
    grid: Grid | None = None,
    label_grid: Grid | None = None,
    image: Change | None = None,
    labels: Change | None = None,
    subject: str = "",
    seed: int = 0,
    kind: str = ".nii.gz",
) -> Case:
    """Write one case into ``images`` and ``labels``; `image` and `labels` may change the float32 arrays."""
    grid = grid or small_grid()
    points = phantom.everywhere(grid)
    noise = np.random.default_rng(seed).normal(0, 8, grid.shape)
    voxels = (200 + 1000 * phantom.head(points) + noise).astype(np.float32)
    voxels[np.linalg.norm(points - phantom.CENTRE, axis=-1) > HEAD_MM] = 0
    values = phantom.side_scores(points).argmax(axis=0).astype(np.float32)
    voxels = voxels if image is None else image(voxels)
    values = values if labels is None else labels(values)
    paths = [folder / part / f"{name}{kind}" for part in ("images", "labels")]
    for path, data, where in zip(paths, (voxels, values), (grid, label_grid or grid), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_volume(path, Volume(data, where.affine, name))
    return Case(name, str(paths[0]), str(paths[1]), subject or name)


def exchanged(values: Array) -> Array:
    """Left and right exchanged."""
    return np.array([0, 2, 1], values.dtype)[values.astype(int)]
