"""The report of one segmentation: what was done, with what, what came out, and what looks wrong."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neosegdino import __version__, age, flags, measure
from neosegdino.flags import Flag

if TYPE_CHECKING:
    from neosegdino.bundle import Bundle
    from neosegdino.device import DeviceChoice
    from neosegdino.spec import ClassSpec, WindowMode
    from neosegdino.volume import Volume

SCHEMA = "neosegdino-report/1"
EDITED = "The outlines were edited after the run; the volumes were measured again."
RESEARCH_USE = "Research use only: this is no medical device. Look at every result before using it."
_PACKAGES = ("torch", "timm", "numpy", "scipy", "nibabel", "safetensors")


def build(
    volume: Volume,
    labels: NDArray[np.uint8],
    bundle: Bundle,
    *,
    windows_used: WindowMode,
    device: DeviceChoice,
    timings: Mapping[str, float],
    notes: Sequence[Flag] = (),
    mean_confidence: Mapping[int, float],
    removed: Mapping[int, int],
    located: Mapping[str, Any] | None = None,
    age_weeks: float | None = None,
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
    notes : sequence of Flag, optional
        Findings of the run, beside those of the volume and the device.
    mean_confidence : mapping of int to float
        Mean probability over the voxels of each label; empty labels may be missing.
    removed : mapping of int to int
        Components removed of each label.
    located : mapping, optional
        What the coarse pass found.
    age_weeks : float, optional
        Postmenstrual age.

    Returns
    -------
    dict
        See ``schema``; volumes in mm3 and ml, places in RAS mm. The ``warnings`` are the sentences of the ``flags``.
    """
    from neosegdino.device import describe

    rows = _rows(volume, labels, bundle.spec.classes, mean_confidence, removed)
    asymmetry = _asymmetry(rows)
    found = [Flag(flags.INPUT, note) for note in volume.notes]
    found += [Flag(flags.DEVICE, note) for note in device.notes]
    found += [*notes, *flags.of_range(volume, bundle.spec, age_weeks)]
    found += [*flags.of_volumes(rows, asymmetry), *flags.of_certainty(rows)]
    found += flags.of_places(labels, volume, bundle.spec.classes)
    return {
        "schema": SCHEMA,
        "neosegdino": __version__,
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "bundle": {"name": bundle.spec.name, "version": bundle.spec.version, "sha256": bundle.sha256},
        "input": {
            "source": volume.source,
            "sha256": None,
            "shape": list(volume.shape),
            "spacing_mm": [round(side, 6) for side in volume.spacing],
            "axis_codes": list(volume.axis_codes),
        },
        "age": age.described(age_weeks),
        "hippocampus": rows,
        "asymmetry": asymmetry,
        "edited": False,
        "windows": {"mode": windows_used, "size": list(bundle.spec.windows.size), "located": located},
        "device": describe(device),
        "versions": versions(),
        "timings_s": {name: round(seconds, 3) for name, seconds in timings.items()},
        **_told(found),
        "research_use": RESEARCH_USE,
    }


def edited(report: Mapping[str, Any], measured: Mapping[int, float]) -> dict[str, Any]:
    """Return the report of a result whose outlines were edited: measured again, without what held for the old ones.

    Parameters
    ----------
    report : mapping
        The report of the run.
    measured : mapping of int to float
        Volume in mm3 of each label now; empty labels may be missing.
    """
    rows = [
        row
        | _size(measured.get(row["label"], 0.0))
        | {"centroid_ras": None, "confidence": None, "components_removed": 0}
        for row in report["hippocampus"]
    ]
    asymmetry = _asymmetry(rows)
    kept = [Flag(**flag) for flag in report["flags"] if flag["code"] not in flags.OF_THE_OUTLINE]
    found = [Flag(flags.EDITED, EDITED), *kept, *flags.of_volumes(rows, asymmetry)]
    return dict(report) | {"hippocampus": rows, "asymmetry": asymmetry, "edited": True} | _told(found)


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
                **_size(size),
                "centroid_ras": None if centroid is None else [round(float(value), 2) for value in centroid],
                "confidence": None if confidence is None else round(float(confidence), 4),
                "components_removed": int(removed.get(part.label, 0)),
            }
        )
    return rows


def _size(mm3: float) -> dict[str, float]:
    return {"volume_mm3": round(mm3, 2), "volume_ml": round(mm3 / 1000, 4)}


def _told(found: Sequence[Flag]) -> dict[str, Any]:
    """Flags, each once, and their sentences."""
    once = list(dict.fromkeys(found))
    return {
        "flags": [{"code": flag.code, "message": flag.message} for flag in once],
        "warnings": list(dict.fromkeys(flag.message for flag in once)),
    }


def _asymmetry(rows: Sequence[Mapping[str, Any]]) -> float:
    sides = {side: sum(row["volume_mm3"] for row in rows if row["side"] == side) for side in ("left", "right")}
    return round(measure.asymmetry(sides["left"], sides["right"]), 4)
