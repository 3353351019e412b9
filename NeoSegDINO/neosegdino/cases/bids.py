"""Cases in a BIDS tree: raw T1w and T2w images with a discrete segmentation among the derivatives."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neosegdino.cases.case import Case
from neosegdino.cases.names import SUFFIXES, check_names, stem
from neosegdino.cases.side_values import LEFT, RIGHT, Values
from neosegdino.errors import CaseError

DESCRIPTION = "dataset_description.json"
"""The file that makes a folder a BIDS tree."""
_CONTRASTS = ("T1w", "T2w")
_OWN = frozenset({"space", "res", "den", "label", "desc", "atlas", "seg", "scale"})
"""Entities that a segmentation has of its own; all others come from the image it was made of."""
_ANY_SPACE = frozenset({"orig", "individual", "native"})
"""Spaces that do not say which image is meant."""
_HIPPOCAMPUS = {"hippocampus", "hippocampi", "hippocampal", "hippocamp"}
_NEAR = {"para", "fissure", "commissure", "amygdala", "amygdaloid", "transition"}
"""What is named after the hippocampus and lies beside it."""
_SIDE_WORDS = {"left": {"left", "l", "lh"}, "right": {"right", "r", "rh"}}


@dataclass(frozen=True)
class _File:
    """A file of a tree, its name taken apart.

    Attributes
    ----------
    path : Path
        The file.
    entities : dict
        Such as ``{"sub": "01", "acq": "fast"}``.
    suffix : str
        Such as ``T2w`` or ``dseg``.
    """

    path: Path
    entities: dict[str, str]
    suffix: str


def is_bids(folder: Path) -> bool:
    """Tell whether a folder is a BIDS tree."""
    return (folder / DESCRIPTION).is_file()


def find_bids(folder: str | Path, left: Values, right: Values) -> list[Case]:
    """Find T1w and T2w images with their segmentations (``derivatives/*/sub-*/[ses-*/]anat/*_dseg.nii.gz``).

    A segmentation belongs to an image when it is of the same subject and session, when every entity that it has from
    its image (``acq``, ``run``, ...) is the image's, and when a ``space`` it names is the image's contrast. Of several
    that fit, the one that shares most entities counts. An image without one becomes a case whose labels are missing,
    so that the preflight names it.

    Parameters
    ----------
    folder : str or Path
        Root of the tree.
    left, right : tuple of int
        Values of the sides. Where they are the default ones and a ``dseg.tsv`` of the derivatives names a left and a
        right hippocampus, its values count.

    Returns
    -------
    list of Case
        Named as the images; subjects are ``sub-XX``.

    Raises
    ------
    CaseError
        There are no images, none has a segmentation, or several segmentations fit one image alike.
    """
    folder = Path(folder)
    images = [file for file in _files(folder, "") if file.suffix in _CONTRASTS]
    segmentations = [file for file in _files(folder, "derivatives/*/") if file.suffix == "dseg"]
    chosen = [_choose(image, segmentations) for image in images]
    if not any(chosen):
        raise CaseError(
            f"{folder}: none of {len(images)} images (sub-*/[ses-*/]anat/*_T1w or *_T2w) has a segmentation "
            f"({len(segmentations)} files derivatives/*/sub-*/[ses-*/]anat/*_dseg.nii.gz).",
            "Name the files as BIDS does, or give the pairs with --images and --labels or in a CSV table.",
        )
    cases = [
        _case(folder, image, segmentation, left, right) for image, segmentation in zip(images, chosen, strict=True)
    ]
    check_names(cases, str(folder), "Keep one file of each name, .nii or .nii.gz.")
    return cases


def _files(folder: Path, below: str) -> list[_File]:
    paths = {path for middle in ("", "ses-*/") for path in folder.glob(f"{below}sub-*/{middle}anat/sub-*_*.nii*")}
    return [_taken_apart(path) for path in sorted(paths) if path.is_file() and path.name.endswith(SUFFIXES)]


def _taken_apart(path: Path) -> _File:
    *pairs, suffix = stem(path).split("_")
    return _File(path, dict(pair.split("-", 1) for pair in pairs if "-" in pair), suffix)


def _choose(image: _File, segmentations: Sequence[_File]) -> _File | None:
    """The segmentation of an image; None where there is none."""
    fitting = [file for file in segmentations if _fits(image, file)]
    most = max((_shared(image, file) for file in fitting), default=0)
    best = [file for file in fitting if _shared(image, file) == most]
    if len(best) > 1:
        names = " and ".join(str(file.path) for file in best)
        raise CaseError(
            f"{image.path.name}: several segmentations fit: {names}.",
            "Give the pairs with --images and --labels or in a CSV table.",
        )
    return best[0] if best else None


def _fits(image: _File, segmentation: _File) -> bool:
    theirs = {key: value for key, value in segmentation.entities.items() if key not in _OWN}
    space = segmentation.entities.get("space", "orig")
    return (
        theirs.items() <= image.entities.items()
        and theirs.get("sub") == image.entities.get("sub")
        and theirs.get("ses") == image.entities.get("ses")
        and (space in _ANY_SPACE or space == image.suffix)
    )


def _shared(image: _File, segmentation: _File) -> int:
    named = segmentation.entities.get("space") == image.suffix
    return len(segmentation.entities.items() & image.entities.items()) + named


def _case(folder: Path, image: _File, segmentation: _File | None, left: Values, right: Values) -> Case:
    name, subject = stem(image.path), f"sub-{image.entities['sub']}"
    if segmentation is None:
        place = image.path.parent.relative_to(folder)
        missing = folder / "derivatives" / "labels" / place / f"{name.removesuffix('_' + image.suffix)}_dseg.nii.gz"
        return Case(name, str(image.path), str(missing), subject, left, right)
    if (left, right) == (LEFT, RIGHT):
        left, right = _named_values(segmentation.path) or (left, right)
    return Case(name, str(image.path), str(segmentation.path), subject, left, right)


def _named_values(segmentation: Path) -> tuple[Values, Values] | None:
    """Values of both hippocampi in the table beside a segmentation or above it, if it names them."""
    tables = [segmentation.with_name(f"{stem(segmentation)}.tsv")]
    for folder in segmentation.parents:
        tables += sorted(folder.glob("*dseg.tsv")) if not folder.name.startswith(("sub-", "ses-", "anat")) else []
        if folder.parent.name == "derivatives":
            break
    for table in tables:
        sides = _hippocampi(table) if table.is_file() else {}
        if sides.get("left") and sides.get("right"):
            return sides["left"], sides["right"]
    return None


def _hippocampi(table: Path) -> dict[str, Values]:
    """Values by side in a table with the columns ``index`` and ``name``."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = [(int(row["index"]), row["name"].lower()) for row in csv.DictReader(stream, delimiter="\t")]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CaseError(
            f"{table} cannot be read as a table of labels: {error}.",
            "Give it the columns index and name, separated by tabs, or remove it and name the values yourself.",
        ) from error
    words_of = [(value, set(re.split(r"[^a-z]+", name))) for value, name in rows]
    found = [(value, said) for value, said in words_of if said & _HIPPOCAMPUS and not said & _NEAR]
    return {side: tuple(v for v, said in found if said & words) for side, words in _SIDE_WORDS.items()}
