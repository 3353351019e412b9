"""The one door to cases: a CSV table, a BIDS tree, or a folder of pairs."""

from __future__ import annotations

from pathlib import Path

from neosegdino.cases.bids import find_bids, is_bids
from neosegdino.cases.case import Case
from neosegdino.cases.pattern import IMAGES, LABELS, find_pairs
from neosegdino.cases.side_values import LEFT, RIGHT, Values, check_values
from neosegdino.cases.table import read_table
from neosegdino.errors import CaseError


def find_cases(
    source: str | Path,
    images: str | None = None,
    labels: str | None = None,
    left: Values = LEFT,
    right: Values = RIGHT,
) -> list[Case]:
    """List the cases of a source; no voxel is read.

    An image whose labels are missing, and labels whose image is missing, are listed as well: the preflight names them.

    Parameters
    ----------
    source : str or Path
        CSV table; BIDS tree (it holds ``dataset_description.json``); or folder of pairs.
    images, labels : str, optional
        Patterns of a folder of pairs; given for a BIDS tree, it is read as such a folder.
    left, right : tuple of int, optional
        Values of the sides in the label maps, where the source says none itself.

    Returns
    -------
    list of Case
        At least one, with unlike names.

    Raises
    ------
    CaseError
        There is nothing, or it contradicts itself.
    """
    source = Path(source)
    check_values(left, right, "Values of the sides")
    if source.is_file():
        if source.suffix.lower() != ".csv":
            raise CaseError(f"{source} is not a CSV table.", "Give a table (.csv), a BIDS tree or a folder of pairs.")
        _refuse_patterns(source, images, labels)
        return read_table(source, left, right)
    if not source.is_dir():
        raise CaseError(f"{source}: there is no such file or folder.", "Check the path.")
    if is_bids(source) and images is None and labels is None:
        return find_bids(source, left, right)
    return find_pairs(source, images or IMAGES, labels or LABELS, left, right)


def _refuse_patterns(source: Path, images: str | None, labels: str | None) -> None:
    if images or labels:
        raise CaseError(f"{source} is a table; patterns are for folders.", "Leave --images and --labels out.")
