"""The report of one segmentation: what was done, with what, what came out, and what looks wrong."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neosegdino import __version__, measure

if TYPE_CHECKING:
    from neosegdino.bundle import Bundle
    from neosegdino.device import DeviceChoice
    from neosegdino.spec import ClassSpec, WindowMode
    from neosegdino.volume import Volume

SCHEMA = "neosegdino-report/1"
RESEARCH_USE = "Research use only: this is no medical device. Look at every result before using it."
PLAUSIBLE_MM3 = (300.0, 3000.0)
PLAUSIBLE_ASYMMETRY = 0.3
_LIMITS = "wide plausibility limits, not a clinical reference range"
_PACKAGES = ("torch", "timm", "numpy", "scipy", "nibabel", "safetensors")


def build(
    volume: Volume,
    labels: NDArray[np.uint8],
    bundle: Bundle,
    *,
    windows_used: WindowMode,
    device: DeviceChoice,
    timings: Mapping[str, float],
    notes: Sequence[str] = (),
    mean_confidence: Mapping[int, float],
    removed: Mapping[int, int],
    located: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the report, ready for JSON.

    Parameters
    ----------
    volume : Volume
        The input.
    labels : (x, y, z) uint8 array
        The result on the input's grid.
    bundle : Bundle
        The model.
    windows_used : {"located", "all"}
        How the volume was covered.
    device : DeviceChoice
        What computed.
    timings : mapping of str to float
        Seconds by stage.
    notes : sequence of str, optional
        Findings of the run, which become warnings beside those of the volume and the device.
    mean_confidence : mapping of int to float
        Mean probability over the voxels of each label; empty labels may be missing.
    removed : mapping of int to int
        Components removed of each label.
    located : mapping, optional
        What the coarse pass found.

    Returns
    -------
    dict
        See ``schema``; volumes in mm3 and ml, places in RAS mm.
    """
    from neosegdino.device import describe

    rows = _rows(volume, labels, bundle.spec.classes, mean_confidence, removed)
    asymmetry = _asymmetry(rows)
    found = [*volume.notes, *device.notes, *notes]
    found += _plausibility(rows, asymmetry)
    found += _placement(volume, labels, bundle.spec.classes)
    return {
        "schema": SCHEMA,
        "neosegdino": __version__,
        "bundle": {"name": bundle.spec.name, "version": bundle.spec.version, "sha256": bundle.sha256},
        "input": {
            "source": volume.source,
            "sha256": None,
            "shape": list(volume.shape),
            "spacing_mm": [round(side, 6) for side in volume.spacing],
            "axis_codes": list(volume.axis_codes),
        },
        "hippocampus": rows,
        "asymmetry": asymmetry,
        "windows": {"mode": windows_used, "size": list(bundle.spec.windows.size), "located": located},
        "device": describe(device),
        "versions": versions(),
        "timings_s": {name: round(seconds, 3) for name, seconds in timings.items()},
        "warnings": list(dict.fromkeys(found)),
        "research_use": RESEARCH_USE,
    }


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages that matter; None for one that is missing."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _rows(
    volume: Volume,
    labels: NDArray[np.uint8],
    classes: Sequence[ClassSpec],
    mean_confidence: Mapping[int, float],
    removed: Mapping[int, int],
) -> list[dict[str, Any]]:
    volumes = measure.volumes_mm3(labels, volume.affine)
    centroids = measure.centroids_ras(labels, volume.affine)
    rows = []
    for part in classes:
        size = float(volumes.get(part.label, 0.0))
        centroid = centroids.get(part.label)
        confidence = mean_confidence.get(part.label)
        rows.append(
            {
                "label": part.label,
                "side": part.side,
                "name": part.name,
                "volume_mm3": round(size, 2),
                "volume_ml": round(size / 1000, 4),
                "centroid_ras": None if centroid is None else [round(float(value), 2) for value in centroid],
                "confidence": None if confidence is None else round(float(confidence), 4),
                "components_removed": int(removed.get(part.label, 0)),
            }
        )
    return rows


def _asymmetry(rows: Sequence[Mapping[str, Any]]) -> float:
    sides = {side: sum(row["volume_mm3"] for row in rows if row["side"] == side) for side in ("left", "right")}
    return round(measure.asymmetry(sides["left"], sides["right"]), 4)


def _plausibility(rows: Sequence[Mapping[str, Any]], asymmetry: float) -> list[str]:
    low, high = PLAUSIBLE_MM3
    found = []
    for row in rows:
        if row["volume_mm3"] == 0:
            found.append(f"The {row['side']} hippocampus was not found.")
        elif not low <= row["volume_mm3"] <= high:
            found.append(
                f"The {row['side']} hippocampus has {row['volume_ml']:.2f} ml, outside {low / 1000:g} to "
                f"{high / 1000:g} ml ({_LIMITS})."
            )
    if all(row["volume_mm3"] for row in rows) and abs(asymmetry) > PLAUSIBLE_ASYMMETRY:
        found.append(
            f"The two sides differ by {abs(asymmetry):.0%} of their mean, more than {PLAUSIBLE_ASYMMETRY:.0%} "
            f"({_LIMITS})."
        )
    return found


def _placement(volume: Volume, labels: NDArray[np.uint8], classes: Sequence[ClassSpec]) -> list[str]:
    problem = measure.check_sides(labels, volume.affine, classes)
    found = [problem] if problem else []
    for part in classes:
        if _touches_border(labels, part.label):
            found.append(f"The {part.side} hippocampus touches the border of the image and may be cut off.")
    return found


def _touches_border(labels: NDArray[np.uint8], label: int) -> bool:
    faces = (labels.take(end, axis=axis) for axis in range(3) for end in (0, -1))
    return any(bool((face == label).any()) for face in faces)
