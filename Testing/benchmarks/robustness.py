"""How much the answer changes when an image is shown otherwise: turned, cropped, resampled, noisy, unevenly bright.

    python Testing/benchmarks/robustness.py IMAGE [IMAGE ...] [--json FILE] [--markdown FILE]

Every image is segmented as it is and in every changed form; the changed answer is brought back onto the image's own
grid and compared with the untouched one by Dice. It says how steady the answer is, not how right. An axis order or a
flip changes the array and not the place of its voxels: the answer has to be the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from neosegdino.bundle_store import find_bundle
from neosegdino.geometry import Grid, resample
from neosegdino.segment import segment
from neosegdino.volume import Volume, load_volume
from numpy.typing import NDArray
from scipy import ndimage

Change = Callable[[Volume], Volume]
BAR = 0.90
"""Median Dice to the untouched answer that is aimed at."""


def turned(volume: Volume) -> Volume:
    """Other axis order, two axes flipped; every voxel stays in its place."""
    image = nib.Nifti1Image(volume.data, volume.affine)
    changed = image.as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    return Volume(np.asarray(changed.dataobj), changed.affine, volume.source)


def tilted(degrees: float, axis: int) -> Change:
    """The head tilted in the scanner: the world's axes turned about the image's middle."""

    def change(volume: Volume) -> Volume:
        a, b = (other for other in range(3) if other != axis)
        angle = np.deg2rad(degrees)
        turn = np.eye(4)
        turn[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        middle = volume.affine @ [*((np.array(volume.shape) - 1) / 2), 1]
        there, back = np.eye(4), np.eye(4)
        there[:3, 3], back[:3, 3] = -middle[:3], middle[:3]
        return Volume(volume.data, back @ turn @ there @ volume.affine, volume.source)

    return change


def resampled(spacing_mm: float) -> Change:
    """Another voxel size."""

    def change(volume: Volume) -> Volume:
        sides = np.linalg.norm(volume.affine[:3, :3], axis=0)
        shape = np.ceil(np.array(volume.shape) * sides / spacing_mm).astype(int)
        affine = volume.affine.copy()
        affine[:3, :3] *= spacing_mm / sides
        grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
        return Volume(resample(volume.data.astype(np.float32), volume.affine, grid), affine, volume.source)

    return change


def cropped(volume: Volume) -> Volume:
    """A tenth of the head cut off on either side of every axis."""
    inside = np.argwhere(volume.data > np.percentile(volume.data, 99) * 0.1)
    low, high = np.percentile(inside, (0.5, 99.5), axis=0)
    margin = 0.1 * (high - low)
    start, stop = (low + margin).astype(int), (high - margin).astype(int) + 1
    affine = volume.affine.copy()
    affine[:3, 3] = (volume.affine @ [*start, 1])[:3]
    return Volume(volume.data[tuple(map(slice, start, stop))], affine, volume.source)


def noisy(volume: Volume) -> Volume:
    """Rician noise of 4 % of the brightest tissue."""
    data = volume.data.astype(np.float32)
    random = np.random.default_rng(1)
    sd = 0.04 * np.percentile(data, 99)
    real, imaginary = (random.normal(0, sd, data.shape).astype(np.float32) for _ in range(2))
    return Volume(np.hypot(data + real, imaginary), volume.affine, volume.source)


def uneven(volume: Volume) -> Volume:
    """A bias field of up to about 40 %."""
    coarse = np.random.default_rng(2).normal(0, 0.25, (3, 3, 3))
    factors = np.array(volume.shape) / 3
    field = ndimage.zoom(coarse, factors, order=3, mode="nearest", grid_mode=True)
    return Volume(volume.data * np.exp(field).astype(np.float32), volume.affine, volume.source)


CHANGES: dict[str, Change] = {
    "axes in another order, two flipped": turned,
    "tilted by 15 degrees about the left-right axis": tilted(15, 0),
    "tilted by 15 degrees about the front-back axis": tilted(15, 1),
    "turned by 15 degrees about the vertical axis": tilted(15, 2),
    "cropped": cropped,
    "resampled to 0.5 mm": resampled(0.5),
    "resampled to 1.5 mm": resampled(1.5),
    "noise of 4 %": noisy,
    "bias field": uneven,
}


def agreement(
    base: Volume, labels: NDArray[np.uint8], changed: Volume, found: NDArray[np.uint8]
) -> tuple[float, float]:
    """Dice of left and right with the untouched answer, on the untouched grid; tilted worlds are turned back first."""
    affine = changed.affine
    if changed.data is base.data:
        affine = base.affine
    grid = Grid(base.shape, base.affine)
    dice = []
    for side in (1, 2):
        there = resample((found == side).astype(np.float32), affine, grid) >= 0.5
        here = labels == side
        dice.append(2 * np.count_nonzero(there & here) / max(1, np.count_nonzero(there) + np.count_nonzero(here)))
    return dice[0], dice[1]


def crossed(base: Volume, labels: NDArray[np.uint8], changed: Volume, found: NDArray[np.uint8]) -> bool:
    """Whether a side lies where the other one was."""
    swapped = np.array([0, 2, 1], np.uint8)[labels]
    return bool(max(agreement(base, swapped, changed, found)) > 0.1)


def markdown(table: dict[str, dict[str, tuple[float, float]]], summary: str) -> str:
    """Markdown table: changes by images, left and right in a cell."""
    names = list(next(iter(table.values())))
    lines = [f"| change | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for change, row in table.items():
        cells = (f"{left:.3f} / {right:.3f}" for left, right in row.values())
        lines.append(f"| {change} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Left / right; {summary}."]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--bundle", help="name or folder; the shipped one by default")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path, help="write the table to this file, for a bundle's card")
    arguments = parser.parse_args()
    bundle = find_bundle(arguments.bundle)
    table: dict[str, dict[str, tuple[float, float]]] = {}
    swaps = 0
    for path in arguments.images:
        base = load_volume(path)
        labels = segment(base, bundle).labels
        for name, change in CHANGES.items():
            changed = change(base)
            found = segment(changed, bundle).labels
            left, right = agreement(base, labels, changed, found)
            swaps += crossed(base, labels, changed, found)
            table.setdefault(name, {})[path.name] = (round(left, 4), round(right, 4))
            print(f"{path.name}, {name}: Dice {left:.3f} {right:.3f}", flush=True)
    values = [value for row in table.values() for pair in row.values() for value in pair]
    median = float(np.median(values))
    summary = f"median {median:.3f} of {len(values)}, smallest {min(values):.3f}, sides crossed {swaps} times"
    print(f"{summary} (aim {BAR})")
    if arguments.json:
        record = {"bundle": bundle.spec.version, "median": median, "crossed": swaps, "dice": table}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(table, summary), encoding="utf-8")


if __name__ == "__main__":
    main()
