"""Cases read into memory: the image, and labels of known values on its grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neosegdino.cases.case import SIDES, Case
from neosegdino.cases.checks import check_numbers, grid_problem
from neosegdino.errors import CaseError
from neosegdino.volume import Volume, load_volume


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
        The labels are not on the image's grid, or are no whole numbers.
    VolumeError
        A file is missing, damaged or unsuitable.
    """
    volume, reference = load_volume(case.image), load_volume(case.labels, flat=True)
    if mismatch := grid_problem(volume, reference):
        raise CaseError(
            f"Case {case.name}: {mismatch} ({Path(case.image).name}, {Path(case.labels).name}).",
            "Export the labels on the image's grid again, or leave the case out.",
        )
    for problem in check_numbers(reference):
        raise CaseError(f"Case {case.name}: {reference.source}: {problem.message}", problem.remedy)
    return LoadedCase(case, volume, side_labels(reference, case))


def side_labels(reference: Volume, case: Case) -> NDArray[np.uint8]:
    """Labels 0, 1 (left) and 2 (right) from a label map with the case's own values."""
    labels = np.zeros(reference.shape, np.uint8)
    values = np.rint(reference.data) if reference.data.dtype.kind == "f" else reference.data
    labels[np.isin(values, case.left)] = SIDES["left"]
    labels[np.isin(values, case.right)] = SIDES["right"]
    return labels
