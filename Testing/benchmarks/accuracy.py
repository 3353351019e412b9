"""What the shipped bundle does on real images: Dice on an adult's T1 shown at newborn size, volumes on infants.

    python Testing/benchmarks/accuracy.py --adult test_scan.npz --infants FOLDER [--bundle NAME] [--figures FILE]

`test_scan.npz` is VoxelMorph's test scan (an adult T1 of 160x192x224 voxels with FreeSurfer labels); the folder holds
NIfTI images of infants, which have no labels: of them the volumes, and where a T1w and a T2w of one name are there,
the agreement of the two answers and the difference of their volumes are printed, of the images as they are and of
both tilted alike by a few degrees, as one pair of images is one draw of where the voxels lie.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from neosegdino.bundle_store import find_bundle
from neosegdino.segment import Segmentation, segment
from neosegdino.spec import Accuracy
from neosegdino.training.figures import record_figures, side_rows
from neosegdino.volume import Volume, load_volume
from numpy.typing import NDArray
from robustness import tilted

NEWBORN_VOXEL_MM = 0.7
"""An adult brain of 1 mm voxels shown with these has about a newborn's size."""
NOT_HELD_OUT = (
    "real images; how much two answers agree, not how right; looked at when training was mended and weights were chosen"
)
TILT_DEG = 6.0
LEFT, RIGHT = 17, 53
"""FreeSurfer's labels of the hippocampi."""


def adult_at_newborn_size(path: Path) -> tuple[Volume, NDArray[np.uint8]]:
    """VoxelMorph's test scan with newborn voxels, and its hippocampi as 1 (left) and 2 (right).

    The file has no header; its axes run to the left, downwards and forwards.
    """
    with np.load(path) as scan:
        image, labels = scan["vol"].astype(np.float32), scan["seg"]
    directions = np.array([[-1, 0, 0], [0, 0, 1], [0, -1, 0]]) * NEWBORN_VOXEL_MM
    affine = np.eye(4)
    affine[:3, :3] = directions
    affine[:3, 3] = -directions @ (np.array(image.shape) - 1) / 2
    return Volume(image, affine, path.name), ((labels == LEFT) + 2 * (labels == RIGHT)).astype(np.uint8)


def dice(found: NDArray[np.uint8], truth: NDArray[np.uint8]) -> tuple[float, float]:
    """Dice of left and right."""
    left, right = (
        2 * np.count_nonzero((found == side) & (truth == side)) / (np.sum(found == side) + np.sum(truth == side))
        for side in (1, 2)
    )
    return float(left), float(right)


def volumes_apart(first: Segmentation, second: Segmentation) -> tuple[float, float]:
    """Difference of the volumes of left and right, in percent of the smaller one."""
    pairs = zip(first.report["hippocampus"], second.report["hippocampus"], strict=True)
    left, right = (sorted(row["volume_ml"] for row in pair) for pair in pairs)
    return 100 * (left[1] / left[0] - 1), 100 * (right[1] / right[0] - 1)


def millilitres(result: Segmentation) -> str:
    rows = result.report["hippocampus"]
    return ", ".join(
        f"{row['side']} {row['volume_ml']:.2f} ml (confidence {row['confidence']:.2f})"
        if row["volume_ml"]
        else f"{row['side']} empty"
        for row in rows
    )


def poses(volume: Volume) -> list[Volume]:
    """The image as it is, then tilted either way about each axis: the model's voxels and window lie otherwise."""
    tilts = [tilted(degrees, axis) for axis in range(3) for degrees in (-TILT_DEG, TILT_DEG)]
    return [volume, *(tilt(volume) for tilt in tilts)]


def compare_contrasts(first: list[Segmentation], second: list[Segmentation]) -> list[Accuracy]:
    """Print and return how much the answers to an infant's T1w and T2w agree: as they are, and over all poses."""
    name = first[0].volume.source
    if not all(row["volume_ml"] for found in (*first, *second) for row in found.report["hippocampus"]):
        raise SystemExit(f"{name}: a side is empty in the answer to it or to its T2w; nothing to compare.")
    alike = np.array([dice(one.labels, other.labels) for one, other in zip(first, second, strict=True)])
    apart = np.array([volumes_apart(one, other) for one, other in zip(first, second, strict=True)])
    print(f"{name} against T2w of the same infant: Dice left {alike[0, 0]:.3f}, right {alike[0, 1]:.3f}")
    print(f"    volumes apart by {apart[0, 0]:.1f} % left, {apart[0, 1]:.1f} % right (of the smaller one)")
    for what, values, digits in (("Dice", alike, 3), ("% apart", apart, 1)):
        sides = zip(("left", "right"), values.mean(axis=0), values.std(axis=0, ddof=1), strict=True)
        words = ", ".join(f"{side} {mean:.{digits}f} (sd {sd:.{digits}f})" for side, mean, sd in sides)
        print(f"    in {len(values)} poses {what} {words}")
    data = "one infant's T1w against its T2w (BME-X template, 0 to 3 months), no truth known"
    in_poses = f"{data}, in {len(first)} poses (as it is, tilted by {TILT_DEG:g} degrees either way about each axis)"
    figures: list[Accuracy] = []
    for where, count in ((data, 1), (in_poses, len(first))):
        figures += rows(where, "agreement (Dice)", alike[:count], held_out=False, note=NOT_HELD_OUT)
        figures += rows(where, "difference of volumes (%)", apart[:count], held_out=False, note=NOT_HELD_OUT)
    return figures


def rows(data: str, metric: str, values: NDArray[np.float64], *, held_out: bool, note: str) -> list[Accuracy]:
    """Figures of images ``(n, 2)``, left and right."""
    command = "python Testing/benchmarks/accuracy.py"
    return side_rows(data, metric, values, command, held_out=held_out, note=note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adult", type=Path)
    parser.add_argument("--infants", type=Path)
    parser.add_argument("--bundle", help="name or folder; the shipped one by default")
    parser.add_argument("--figures", type=Path, help="JSON file that takes the figures for a bundle's card")
    arguments = parser.parse_args()
    bundle = find_bundle(arguments.bundle)
    figures: list[Accuracy] = []
    print(f"bundle {bundle.spec.name} {bundle.spec.version}")
    if arguments.adult:
        volume, truth = adult_at_newborn_size(arguments.adult)
        left, right = dice(segment(volume, bundle).labels, truth)
        print(f"{volume.source}, one adult at {NEWBORN_VOXEL_MM} mm: Dice left {left:.3f}, right {right:.3f}")
        data = "one adult's T1w (VoxelMorph's test scan, FreeSurfer's labels) at 0.7 mm, newborn size"
        note = "real image; one adult, so no spread; looked at when weights were averaged"
        figures += rows(data, "Dice", np.array([[left, right]]), held_out=False, note=note)
    answers = {}
    for path in sorted(arguments.infants.glob("*.nii.gz")) if arguments.infants else []:
        answers[path.name] = segment(load_volume(path), bundle)
        print(f"{path.name}: {millilitres(answers[path.name])}")
        for warning in answers[path.name].report["warnings"]:
            print(f"    {warning}")
    for name, result in answers.items():
        if other := answers.get(name.replace("T1w", "T2w")) if "T1w" in name else None:
            pair = ([found, *(segment(pose, bundle) for pose in poses(found.volume)[1:])] for found in (result, other))
            figures += compare_contrasts(*pair)
    if arguments.figures:
        record_figures(arguments.figures, figures)


if __name__ == "__main__":
    main()
