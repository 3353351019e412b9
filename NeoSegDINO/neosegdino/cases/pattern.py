"""Cases in a folder: pairs of files found by two patterns."""

from __future__ import annotations

import re
from pathlib import Path

from neosegdino.cases.case import Case
from neosegdino.cases.names import SUFFIXES, check_names
from neosegdino.cases.side_values import Values
from neosegdino.errors import CaseError

IMAGES = "images/{case}.nii.gz"
LABELS = "labels/{case}.nii.gz"
_NAME = "{case}"


def find_pairs(folder: str | Path, images: str, labels: str, left: Values, right: Values) -> list[Case]:
    """Find images with labels by patterns in which ``{case}`` stands for the case's name.

    A file that ends in .nii is as good as one in .nii.gz. An image without labels, and labels without an image, become
    cases, too: with the file that is missing, so that the preflight names them.

    Parameters
    ----------
    folder : str or Path
        Where the patterns begin.
    images, labels : str
        Patterns, such as ``{case}/T2.nii.gz``.
    left, right : tuple of int
        Values of the sides.

    Returns
    -------
    list of Case
        In the order of their names; each is its own subject.

    Raises
    ------
    CaseError
        A pattern is not usable, a case has two files, or no image has labels.
    """
    folder = Path(folder)
    images, labels = (Path(pattern).as_posix() for pattern in (images, labels))
    found = {pattern: _find(folder, pattern) for pattern in (images, labels)}
    if images == labels:
        raise CaseError("Images and labels have the same pattern.", "Give the labels a pattern of their own.")
    # Labels such as {case}_labels.nii.gz match the pattern {case}.nii.gz, too: the longer pattern has them.
    longer, shorter = sorted(found, key=len, reverse=True)
    claimed = set(found[longer].values())
    found[shorter] = {name: path for name, path in found[shorter].items() if path not in claimed}
    if not set(found[images]) & set(found[labels]):
        raise CaseError(
            f"{folder}: no image has labels ({len(found[images])} files fit {images}, "
            f"{len(found[labels])} fit {labels}).",
            "Give the patterns with --images and --labels; {case} stands for the case's name.",
        )
    cases = []
    for name in sorted(set(found[images]) | set(found[labels])):
        image, reference = (found[part].get(name) or folder / part.replace(_NAME, name) for part in (images, labels))
        cases.append(Case(name, str(image), str(reference), name, left, right))
    check_names(cases, str(folder), "Rename the files.")
    return cases


def _find(folder: Path, pattern: str) -> dict[str, Path]:
    """Files that fit a pattern, by name; hidden ones are left aside."""
    expression = _expression(pattern)
    found: dict[str, Path] = {}
    for path in sorted(folder.glob(_glob(pattern))):
        match = expression.fullmatch(path.relative_to(folder).as_posix())
        if match is None or path.name.startswith(".") or not path.is_file():
            continue
        name = match["case"]
        if name in found:
            raise CaseError(
                f"{folder}: case {name} has two files, {found[name].name} and {path.name}.", "Remove one of them."
            )
        found[name] = path
    return found


def _parts(pattern: str) -> tuple[str, str]:
    """A pattern without its suffix, and the suffix."""
    end = next((end for end in SUFFIXES if pattern.lower().endswith(end)), "")
    if _NAME not in pattern or not end or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise CaseError(
            f"The pattern '{pattern}' cannot be used: it has to contain {_NAME}, to end in .nii or .nii.gz and to "
            "stay in the folder.",
            f"Give one such as {IMAGES}.",
        )
    return pattern[: -len(end)], end


def _glob(pattern: str) -> str:
    literal = re.sub(r"([*?\[])", r"[\1]", _parts(pattern)[0])
    return literal.replace(_NAME, "*") + ".nii*"


def _expression(pattern: str) -> re.Pattern[str]:
    """Regular expression of a pattern; further places of the name have to hold the same."""
    first, *others = (re.escape(part) for part in _parts(pattern)[0].split(_NAME))
    body = "(?P<case>[^/]+?)".join([first, "(?P=case)".join(others)])
    # Whether letters' case matters is for the file system to say, which has been asked before.
    return re.compile(body + r"\.nii(\.gz)?", re.IGNORECASE)
