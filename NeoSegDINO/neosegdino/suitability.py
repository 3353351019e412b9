"""Whether a volume suits the method: looked at before any work, the same for the panel, the command line and Python.

Needs numpy alone and reads few voxels, so that it may be asked in a window's thread.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neosegdino import flags
from neosegdino.errors import VolumeError
from neosegdino.geometry import Affine, Array, check_affine

if TYPE_CHECKING:
    from neosegdino.spec import BundleSpec

DIRECTIONS = ("from left to right", "from back to front", "from bottom to top")
FEWEST_SLICES = 8
SMALLEST_MM = (35.0, 25.0, 15.0)
"""Field of view along R, A, S without which no two whole hippocampi fit in: those of the sample, 0.8 ml each, take
39 x 30 x 17 mm."""
WINDOW_MM = (76.0, 51.0, 44.0)
"""Field of view along R, A, S that the shipped model's window takes around both hippocampi."""
THICKEST_MM = 3.0
"""Largest voxel side that the shipped model was trained for."""
WIDEST_HEAD_MM = 120.0
"""By `head_width_mm` three images of infants and a synthetic head have 77 to 96 mm, one adult's brain has 129 mm."""
_REMEDIES = {
    flags.AGE_RANGE: "Check the age; if it is right, trust no outline that you have not looked at.",
    flags.CONTRAST_RANGE: "Choose an image of such a contrast, or another model.",
}
_WHOLE_FIELD = 0.97
"""Share of the field of view from which on the head's border is not seen, because of noise or because it is cut."""
_SHARE_OF_AREA = 0.25
_SHARE_OF_RANGE = 0.2
_STEP_MM = 3.0


@dataclass(frozen=True)
class Finding:
    """Something about a volume that the user should know.

    Attributes
    ----------
    message, remedy : str
        What it is, and what to do about it in one sentence.
    blocking : bool
        Whether the volume cannot be segmented.
    code : str
        Its flag in a report, see `neosegdino.flags`.
    """

    message: str
    remedy: str
    blocking: bool = False
    code: str = flags.INPUT

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


def look(data: Array, affine: Affine, source: str, *, located: bool = True) -> list[Finding]:
    """Look at a volume before any work.

    Parameters
    ----------
    data : (x, y, z) array
        Voxels; only every few millimetres one is read, all of them only where those do not differ.
    affine : (4, 4) float array
        Voxel index to RAS mm.
    source : str
        Name of the file or node, for messages.
    located : bool, optional
        Whether one window is put over both hippocampi, which then have to be in the image.

    Returns
    -------
    list of Finding
        The blocking ones first.
    """
    try:
        check_affine(affine, source)
    except VolumeError as error:
        return [Finding(error.message, error.remedy, blocking=True)]
    if is_flat(data[_every(data.shape, affine)]) and is_flat(data):
        return [flat(source)]
    found = [*_slices(data, affine, source), *_field(data, affine, source, located=located)]
    if not found:
        found = [*_width(data, affine)]
    return sorted([*found, *_spacing(affine)], key=lambda finding: not finding.blocking)


def require_suitable(data: Array, affine: Affine, source: str, *, located: bool) -> list[Finding]:
    """Return what is to be said about a volume that can be segmented; see `look`.

    Raises
    ------
    VolumeError
        It cannot be segmented.
    """
    found = look(data, affine, source, located=located)
    if found and found[0].blocking:
        raise VolumeError(found[0].message, found[0].remedy)
    return found


def look_at_range(spec: BundleSpec, name: str, age_weeks: float | None) -> list[Finding]:
    """Say what a bundle was not made for: an age, or the contrast that an image's name tells; nothing that blocks."""
    found = [*flags.of_age(spec, age_weeks), *flags.of_contrast(spec, name)]
    return [Finding(flag.message, _REMEDIES[flag.code], code=flag.code) for flag in found]


def flat(source: str) -> Finding:
    """Say that an image is without contrast."""
    return Finding(f"{source} is empty: all voxels have the same value.", "Give an image with contrast.", blocking=True)


def is_flat(data: Array) -> bool:
    """Whether all voxels that are finite numbers have the same value, or there are none."""
    low, high = data.min(), data.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = data[np.isfinite(data)]
        low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    return bool(low == high)


def head_width_mm(data: Array, affine: Affine) -> float:
    """Width of the head, or of a brain without its skull, from left to right.

    Measured over the planes whose bright part has at least a quarter of the largest one's area: neither noise nor ears
    nor a hand beside the head add to it.
    """
    places = _every(data.shape, affine)
    with np.errstate(over="ignore"):
        sample = np.nan_to_num(data[places].astype(np.float32), nan=0, posinf=0, neginf=0)
    base, top = np.percentile(sample, (0.1, 99.0))
    bright = sample > base + _SHARE_OF_RANGE * (top - base)
    across = axes_of_patient(affine)[0]
    area = np.count_nonzero(bright, axis=tuple(axis for axis in range(3) if axis != across))
    planes = np.flatnonzero(area >= max(1.0, _SHARE_OF_AREA * area.max()))
    step = float(np.linalg.norm(affine[:3, across])) * (places[across].step or 1)
    return float(planes[-1] - planes[0] + 1) * step if planes.size else 0.0


def axes_of_patient(affine: Affine) -> tuple[int, int, int]:
    """Array axes that run most nearly along R, A and S, in either direction."""
    cosines = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    first, second, third = max(
        itertools.permutations(range(3)), key=lambda order: sum(cosines[row, axis] for row, axis in enumerate(order))
    )
    return first, second, third


def _every(shape: tuple[int, ...], affine: Affine) -> tuple[slice, slice, slice]:
    """Places of the voxels that are looked at: one every few millimetres, and in a small image some along each axis."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    steps = [max(1, min(int(_STEP_MM / side), count // 16)) for side, count in zip(spacing, shape, strict=True)]
    first, second, third = (slice(None, None, step) for step in steps)
    return first, second, third


def _sides_mm(affine: Affine) -> NDArray[np.float64]:
    """Voxel sides along R, A, S."""
    sides: NDArray[np.float64] = np.linalg.norm(affine[:3, :3], axis=0)[list(axes_of_patient(affine))]
    return sides


def _counts(data: Array, affine: Affine) -> list[int]:
    """Voxels along R, A, S."""
    return [data.shape[axis] for axis in axes_of_patient(affine)]


def _slices(data: Array, affine: Affine, source: str) -> list[Finding]:
    return [
        Finding(
            f"{source} has only {count} slices {direction}.",
            "Load the whole series; a scout or a single slab cannot be segmented.",
            blocking=True,
        )
        for count, direction in zip(_counts(data, affine), DIRECTIONS, strict=True)
        if count < FEWEST_SLICES
    ]


def _field(data: Array, affine: Affine, source: str, *, located: bool) -> list[Finding]:
    """What is too little along a direction; not where there are too few slices, which no choice of windows mends."""
    counts = _counts(data, affine)
    found = []
    for count, side, smallest, window, direction in zip(
        counts, _sides_mm(affine), SMALLEST_MM, WINDOW_MM, DIRECTIONS, strict=True
    ):
        length = count * side
        if count < FEWEST_SLICES:
            continue
        if length < smallest and located:
            message = f"{source} covers only {length:.0f} mm {direction}: too little for two hippocampi."
            remedy = "Load the whole head, or let the whole volume be cut into windows if it is meant to be a crop."
            found.append(Finding(message, remedy, blocking=True))
        elif length < window:
            message = f"The image covers only {length:.0f} mm {direction}: a hippocampus may be cut off."
            found.append(Finding(message, "Use the whole head if you have it."))
    return found


def _spacing(affine: Affine) -> list[Finding]:
    return [
        Finding(
            f"The voxels measure {side:.3g} mm {direction}, more than the {THICKEST_MM:g} mm that the model was "
            "trained for.",
            "Use a finer series if there is one, and check the outlines.",
            code=flags.LOW_RESOLUTION,
        )
        for side, direction in zip(_sides_mm(affine), DIRECTIONS, strict=True)
        if side > THICKEST_MM * 1.01
    ]


def _width(data: Array, affine: Affine) -> list[Finding]:
    width = head_width_mm(data, affine)
    field = _counts(data, affine)[0] * _sides_mm(affine)[0]
    if width <= WIDEST_HEAD_MM or width > _WHOLE_FIELD * field:
        return []
    message = f"The head is about {width:.0f} mm wide, which is more than a newborn's."
    return [Finding(message, "Check that it is the right scan: the model knows newborns only.")]
