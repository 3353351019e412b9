"""Names of cases: from file names, and unlike one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from neosegdino.cases.case import Case
from neosegdino.errors import CaseError

SUFFIXES = (".nii.gz", ".nii")


def stem(path: str | PurePath) -> str:
    """Name of a NIfTI file without its suffix."""
    name = PurePath(path).name
    return next((name[: -len(end)] for end in SUFFIXES if name.lower().endswith(end)), name)


def check_names(cases: Sequence[Case], source: str, remedy: str) -> None:
    """Check that the names are different, also where a file system ignores case, and can be names of files.

    Raises
    ------
    CaseError
        They are not.
    """
    for case in cases:
        if not case.name.strip() or set(case.name) & set('/\\:*?"<>|\n\r\t') or case.name.startswith("."):
            raise CaseError(f"{source}: {case.name!r} cannot be the name of a case.", "Use letters, digits, - and _.")
    for name, count in Counter(case.name.casefold() for case in cases).items():
        if count > 1:
            raise CaseError(f"{source}: {count} cases have the name {name}.", remedy)
