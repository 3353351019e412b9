"""Intensities made comparable: damaged and hot voxels mended, then robust scaling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neosegdino.errors import VolumeError
from neosegdino.geometry import Array
from neosegdino.spec import Preprocessing
from neosegdino.volume import Volume

_SAMPLES = 1_000_000
_BASE_PERCENTILE = 0.1
_RANGE_PERCENTILE = 99.9
_FOREGROUND_FRACTION = 0.05
_HOT_FACTOR = 3.0
"""Voxels this many times as far from the base as the 99th percentile of the foreground are artefacts."""
_PADDING_SHARE = 0.0005
"""Share of all voxels from which on a lone lowest value is padding; fewer such voxels are clipped as hot ones."""
_PADDING_MOST = -100.0
"""Padding of an image without other negative values lies below it: the background of a z-scored brain does not."""
_PADDING_APART = 10.0
"""Padding of any image lies this many times as far below the other values as they reach."""


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Mended intensities and what was mended.

    Parameters
    ----------
    data : (x, y, z) float32 array
        Finite intensities.
    notes : tuple of str
        What was mended, with counts; empty when nothing was.
    """

    data: NDArray[np.float32]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Levels:
    """Robust levels of an image.

    Parameters
    ----------
    base : float
        Intensity of the background.
    threshold : float
        Voxels above it are foreground.
    top : float
        The asked-for percentile of the foreground.
    """

    base: float
    threshold: float
    top: float


def levels(data: Array, percentile: float = 99.0, source: str = "image") -> Levels:
    """Return the base, the foreground's threshold and the foreground's percentile of an image.

    The base is the 0.1 percentile of all voxels; the foreground is what lies above the base by more than 5% of the
    range up to the 99.9 percentile. At most a million voxels, evenly spread, are looked at.

    Raises
    ------
    VolumeError
        There is no contrast left.
    """
    sample = _sample(data)
    base, high = np.percentile(sample, (_BASE_PERCENTILE, _RANGE_PERCENTILE))
    if high <= base:  # a foreground of less than 0.1% of the voxels
        high = float(sample.max())
    threshold = base + _FOREGROUND_FRACTION * (high - base)
    foreground = sample[sample > threshold]
    if not foreground.size:
        raise VolumeError(f"{source} has no foreground: nearly all voxels have the same value.", "Check the image.")
    return Levels(float(base), float(threshold), float(np.percentile(foreground, percentile)))


def clean(volume: Volume) -> Cleaned:
    """Mend the intensities of a volume: NaN and infinite voxels become 0, padding background, hot voxels are clipped.

    Parameters
    ----------
    volume : Volume
        Image of any real type; it is left as it is.

    Returns
    -------
    Cleaned
        Finite float32 intensities, and notes with the counts.

    Raises
    ------
    VolumeError
        There is no contrast.
    """
    # Values beyond the range of float32 become infinite here and are mended as such below.
    with np.errstate(over="ignore"):
        data = volume.data.astype(np.float32)
    notes = []
    if volume.data.dtype.kind == "f":
        broken = ~np.isfinite(data)
        count = int(np.count_nonzero(broken))
        if count:
            data[broken] = 0
            notes.append(
                f"{count} voxels that are not finite numbers were set to 0. Convert the original image again if they "
                "lie in the brain."
            )
    notes += _mend_padding(data)
    found = levels(data, source=volume.source)
    reach = _HOT_FACTOR * (found.top - found.base)
    low, high = found.base - reach, found.base + reach
    if data.max() > high or data.min() < low:
        count = int(np.count_nonzero((data > high) | (data < low)))
        np.clip(data, low, high, out=data)
        notes.append(f"{count} hot voxels were clipped to the range {low:.4g} to {high:.4g}.")
    return Cleaned(data, tuple(notes))


def _mend_padding(data: NDArray[np.float32]) -> list[str]:
    """Take padding for background, in place: it would be the base of all levels.

    Padding is a negative value, -1000 or -1024 say, that many voxels have and that stands apart from all others.
    """
    low = data.min()
    if low >= 0:
        return []
    padding = data == low
    count = int(np.count_nonzero(padding))
    if count < _PADDING_SHARE * data.size or count == data.size:
        return []
    rest = data[~padding]
    lowest = rest.min()
    reach = np.percentile(_sample(rest), _RANGE_PERCENTILE) - lowest
    if not ((lowest >= 0 and low <= _PADDING_MOST) or lowest - low > _PADDING_APART * reach):
        return []
    data[padding] = min(lowest, 0)
    return [f"{count} voxels of padding ({low:.6g}) were taken as background."]


def scale(data: Array, preprocessing: Preprocessing, found: Levels | None = None) -> NDArray[np.float32]:
    """Scale intensities robustly: 0 is the base, 1 the bundle's percentile of the foreground.

    Parameters
    ----------
    data : (x, y, z) array
        Cleaned image.
    preprocessing : Preprocessing
        The percentile, and the scaled intensity at which to clip.
    found : Levels, optional
        Levels of the whole volume, when `data` is a part of it; those of `data` by default.

    Returns
    -------
    float32 array
        Intensities from 0 to ``preprocessing.clip``.

    Raises
    ------
    VolumeError
        There is no contrast.
    """
    found = found or levels(data, preprocessing.percentile)
    scaled = np.subtract(data, np.float32(found.base), dtype=np.float32)
    scaled /= np.float32(found.top - found.base)
    return np.clip(scaled, 0, preprocessing.clip, out=scaled)


def _sample(data: Array) -> NDArray[np.float32]:
    """Return at most about a million voxels, in steps that share no factor with the image's sides."""
    step = max(data.size // _SAMPLES, 1)
    while math.gcd(step, data.size) > 1:
        step += 1
    return data.ravel(order="K")[::step].astype(np.float32)
