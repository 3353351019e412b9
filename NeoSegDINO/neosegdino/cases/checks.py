"""What can be wrong with the image and the labels of one case."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from neosegdino import intensity, measure
from neosegdino.cases.case import SIDES, Case
from neosegdino.cases.case_report import Problem
from neosegdino.cases.contrast import Contrast, hinted_contrast, measured_contrast
from neosegdino.errors import VolumeError
from neosegdino.geometry import Affine
from neosegdino.volume import Volume

_LEAVE_OUT = "or leave the case out."
_ODD_SHARE, _BAD_SHARE = 0.05, 0.25
"""Shares of label voxels in the background: worth a look, and too many."""
_WHOLE = 1e-3
"""A value this near to a whole number is one."""
_SAME_MM = 0.01
"""Two grids are the same when no corner of the one lies further than this from that of the other."""
_LISTED = 8


def check_numbers(labels: Volume) -> Iterator[Problem]:
    """Values of a label map that are no whole numbers."""
    if labels.data.dtype.kind != "f":
        return
    finite = np.isfinite(labels.data)
    if broken := labels.data.size - int(np.count_nonzero(finite)):
        yield Problem(
            "non-finite",
            f"{_voxels(broken)} of the labels {_are(broken)} not finite (NaN or infinite).",
            f"Export the labels again, {_LEAVE_OUT}",
            True,
        )
    values = labels.data[finite]
    if odd := int(np.count_nonzero(np.abs(values - np.rint(values)) > _WHOLE)):
        yield Problem(
            "non-integer",
            f"{_voxels(odd)} of the labels {_are(odd)} no whole number, as of probabilities or after smoothing.",
            f"Give labels of whole numbers, resampled by nearest neighbour, {_LEAVE_OUT}",
            True,
        )


def check_values(values: tuple[int, ...], case: Case) -> Iterator[Problem]:
    """A side without voxels, and values that are neither side."""
    for side, wanted in (("left", case.left), ("right", case.right)):
        if not set(wanted) & set(values):
            found = f"found were {_listed(values)}" if values else "the labels are empty"
            yield Problem(
                "empty-side",
                f"The {side} side is empty: no voxel has the value {_listed(wanted, 'or')}; {found}.",
                f"Name the sides' values with --left and --right, {_LEAVE_OUT}",
                True,
            )
    if others := sorted(set(values) - {*case.left, *case.right}):
        yield Problem(
            "other-values",
            f"Voxels of the value {_listed(others)} are neither left nor right and count as background.",
            "Nothing needs to be done if that is meant.",
            False,
        )


def check_sides(sides: NDArray[np.uint8], affine: Affine) -> Iterator[Problem]:
    """Sides that are not where the affine says they should be: seen in RAS, whatever the order of the axes."""
    centres = measure.centroids_ras(sides, affine)
    if len(centres) < len(SIDES):
        return
    left, right = centres[SIDES["left"]], centres[SIDES["right"]]
    across, *along = np.abs(right - left)
    if across < max(along):
        yield Problem(
            "sides",
            f"Left and right do not lie side by side: they are {across:.0f} mm apart from left to right, but "
            f"{max(along):.0f} mm in another direction.",
            f"Check which value is which side, and the orientation in the header, {_LEAVE_OUT}",
            True,
        )
    elif left[0] > right[0]:
        yield Problem(
            "swapped-sides",
            f"Sides swapped: the left hippocampus lies {across:.0f} mm to the right of the right one.",
            f"Exchange the values (--left, --right) or mend the header's orientation, {_LEAVE_OUT}",
            True,
        )


def check_pair(image: Volume, labels: Volume, sides: NDArray[np.uint8], case: Case) -> tuple[list[Problem], Contrast]:
    """What image and labels say together; and the guess of the contrast."""
    mismatch = grid_problem(image, labels)
    if mismatch:
        remedy = f"Export the labels on the image's grid again, {_LEAVE_OUT}"
        problems = [Problem("geometry", f"Image and labels do not fit: {mismatch}.", remedy, True)]
        sides = np.zeros(image.shape, np.uint8)
    else:
        problems = []
    problems += _check_finite(image, sides)
    try:
        cleaned = intensity.clean(image).data
        levels = intensity.levels(cleaned, source=image.source)
    except VolumeError as error:
        return [*problems, Problem("unreadable", error.message, error.remedy, True)], hinted_contrast(case.image)
    if not any(problem.blocking for problem in problems):
        problems += _check_place(cleaned, levels.threshold, sides)
    seen = measured_contrast(cleaned, image.spacing, sides > 0, levels.base, levels.threshold)
    contrast, doubt = _contrast(seen, hinted_contrast(case.image))
    return problems + doubt, contrast


def grid_problem(volume: Volume, labels: Volume) -> str:
    """Say how the grids of an image and its labels differ; empty when they are the same."""
    if volume.shape != labels.shape:
        return f"the image has {_times(volume.shape)} voxels, the labels have {_times(labels.shape)}"
    corners = np.array(np.meshgrid(*((0, n - 1) for n in volume.shape), indexing="ij")).reshape(3, -1)
    homogeneous = np.vstack([corners, np.ones(corners.shape[1])])
    gap = float(np.linalg.norm(((volume.affine - labels.affine) @ homogeneous)[:3], axis=0).max())
    return "" if gap <= _SAME_MM else f"the labels lie up to {gap:.3g} mm beside the image"


def label_values(labels: Volume) -> tuple[int, ...]:
    """Whole numbers in a label map but 0."""
    data = finite(labels).data
    return tuple(int(value) for value in np.unique(np.rint(data[data != 0])) if value != 0)


def finite(labels: Volume) -> Volume:
    """Labels with background where they are not finite."""
    if labels.data.dtype.kind != "f":
        return labels
    return Volume(np.nan_to_num(labels.data, nan=0, posinf=0, neginf=0), labels.affine, labels.source, labels.notes)


def _check_finite(image: Volume, sides: NDArray[np.uint8]) -> list[Problem]:
    if image.data.dtype.kind != "f":
        return []
    broken = ~np.isfinite(image.data)
    count, inside = int(np.count_nonzero(broken)), int(np.count_nonzero(broken & (sides > 0)))
    if inside:
        remedy = f"Convert the original image again, {_LEAVE_OUT}"
        message = f"{_voxels(inside)} of the image {_are(inside)} not finite (NaN or infinite) inside the labels."
        return [Problem("non-finite", message, remedy, True)]
    if count:
        message = f"{_voxels(count)} of the image {_are(count)} not finite (NaN or infinite), none inside the labels."
        return [Problem("non-finite", message, "They count as 0.", False)]
    return []


def _check_place(data: NDArray[np.float32], threshold: float, sides: NDArray[np.uint8]) -> list[Problem]:
    labelled = data[sides > 0]
    share = float(np.mean(labelled <= threshold)) if labelled.size else 0.0
    if share <= _ODD_SHARE:
        return []
    return [
        Problem(
            "outside-brain",
            f"{share:.0%} of the labelled voxels lie in the background of the image, outside the brain.",
            f"Look at image and labels together; give the labels that belong to it, {_LEAVE_OUT}",
            share > _BAD_SHARE,
        )
    ]


def _contrast(seen: Contrast, hint: Contrast) -> tuple[Contrast, list[Problem]]:
    """What is seen counts; the name helps where that is unsure, and both are in doubt where they differ."""
    if "unknown" in (seen, hint) or seen == hint:
        return (hint if seen == "unknown" else seen), []
    message = f"The file's name says {hint}, but the image looks like {seen}."
    return "unknown", [Problem("contrast", message, "Check that it is the right image.", False)]


def _times(shape: tuple[int, int, int]) -> str:
    return " x ".join(str(n) for n in shape)


def _voxels(count: int) -> str:
    return "1 voxel" if count == 1 else f"{count} voxels"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _listed(values: tuple[int, ...] | list[int], last: str = "and") -> str:
    """Some of the values, in words."""
    shown = [str(value) for value in values[:_LISTED]]
    if len(values) > _LISTED:
        return f"{', '.join(shown)} {last} {len(values) - _LISTED} more"
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
