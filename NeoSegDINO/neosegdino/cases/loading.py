"""Cases read into memory: the image, and labels of known values on its grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neosegdino.cases.case import SIDES, Case
from neosegdino.errors import CaseError
from neosegdino.volume import Volume, load_volume

_SAME_MM = 0.01
"""Two grids are the same when no corner of the one lies further than this from that of the other."""


@dataclass(frozen=True, eq=False)
class LoadedCase:
    """A case in memory.

    Attributes
    ----------
    case : Case
        Where it came from.
    volume : Volume
        The image.
    labels : (x, y, z) uint8 array
        0 background, 1 left, 2 right, on the image's grid.
    """

    case: Case
    volume: Volume
    labels: NDArray[np.uint8]


def load_case(case: Case) -> LoadedCase:
    """Read both files of a case.

    Raises
    ------
    CaseError
        The labels are not on the image's grid.
    VolumeError
        A file is missing, damaged or unsuitable.
    """
    volume, reference = load_volume(case.image), load_volume(case.labels, flat=True)
    if problem := grid_problem(volume, reference):
        raise CaseError(
            f"Case {case.name}: {problem} ({Path(case.image).name}, {Path(case.labels).name}).",
            "Export the labels on the image's grid again, or leave the case out.",
        )
    return LoadedCase(case, volume, side_labels(reference, case))


def side_labels(reference: Volume, case: Case) -> NDArray[np.uint8]:
    """Labels 0, 1 (left) and 2 (right) from a label map with the case's own values."""
    labels = np.zeros(reference.shape, np.uint8)
    values = np.rint(reference.data) if reference.data.dtype.kind == "f" else reference.data
    labels[np.isin(values, case.left)] = SIDES["left"]
    labels[np.isin(values, case.right)] = SIDES["right"]
    return labels


def grid_problem(volume: Volume, labels: Volume) -> str:
    """Say how the grids of an image and its labels differ; empty when they are the same."""
    if volume.shape != labels.shape:
        return f"the image has {_times(volume.shape)} voxels, the labels have {_times(labels.shape)}"
    corners = np.array(np.meshgrid(*((0, n - 1) for n in volume.shape), indexing="ij")).reshape(3, -1)
    homogeneous = np.vstack([corners, np.ones(corners.shape[1])])
    gap = float(np.linalg.norm(((volume.affine - labels.affine) @ homogeneous)[:3], axis=0).max())
    return "" if gap <= _SAME_MM else f"the labels lie up to {gap:.3g} mm beside the image"


def _times(shape: tuple[int, int, int]) -> str:
    return " x ".join(str(n) for n in shape)
