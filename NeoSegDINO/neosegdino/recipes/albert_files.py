"""The files of the ALBERT data set: 20 newborns, T1w and T2w, with the brain's labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neosegdino.cases.case import Case
from neosegdino.cases.case_report import CaseReport
from neosegdino.errors import CaseError
from neosegdino.recipes.albert_options import ContrastChoice

SUBJECTS = tuple(f"ALBERT_{number:02d}" for number in range(1, 21))
LABELS = "segmentations-v3"
LEFT, RIGHT = (1,), (2,)
"""Values of the hippocampi in the labels, as the data set says; `check_not_swapped` compares them with RAS."""


def albert_cases(folder: str | Path, contrast: ContrastChoice, *, exchange_sides: bool = False) -> list[Case]:
    """List the 20 newborns' cases, whether their files are there or not.

    Parameters
    ----------
    folder : str or Path
        Holds ``T1`` or ``T2`` and ``segmentations-v3``, each with ``ALBERT_01.nii.gz`` to ``ALBERT_20.nii.gz``.
    contrast : {"T1", "T2", "both"}
        Which images.
    exchange_sides : bool, optional
        Whether value 1 is the right side and 2 the left one.
    """
    folder = Path(folder)
    left, right = (RIGHT, LEFT) if exchange_sides else (LEFT, RIGHT)
    return [
        Case(
            f"{subject}_{part}w",
            str(folder / part / f"{subject}.nii.gz"),
            str(folder / LABELS / f"{subject}.nii.gz"),
            subject,
            left,
            right,
        )
        for part in (("T1", "T2") if contrast == "both" else (contrast,))
        for subject in SUBJECTS
    ]


def missing_files(folder: str | Path, cases: Sequence[Case]) -> list[str]:
    """Name the files that are not there, as seen from the folder."""
    paths = dict.fromkeys(path for case in cases for path in (case.image, case.labels))
    return [Path(path).relative_to(folder).as_posix() for path in paths if not Path(path).is_file()]


def require_files(folder: str | Path, cases: Sequence[Case], *, leave_out: bool = False) -> list[Case]:
    """Return the cases whose files are there.

    Raises
    ------
    CaseError
        Files are missing, all of which are named; or, where they may be left out, none is there.
    """
    missing = missing_files(folder, cases)
    there = [case for case in cases if Path(case.image).is_file() and Path(case.labels).is_file()]
    if missing and not (leave_out and there):
        kinds = sorted({Path(case.image).parent.name for case in cases})
        raise CaseError(
            f"{folder} lacks {len(missing)} files of the ALBERT data set:\n  " + "\n  ".join(missing),
            f"Put them there ({', '.join([*kinds, LABELS])}/ALBERT_01.nii.gz to ALBERT_20.nii.gz), or leave newborns "
            "without files out with --leave-out-bad.",
        )
    return there


def check_not_swapped(reports: Sequence[CaseReport], *, exchange_sides: bool) -> None:
    """Check that the labels do not have left and right the other way round throughout.

    Raises
    ------
    CaseError
        In every case with both sides, the one called left lies to the right of the other in RAS.
    """
    known = [report for report in reports if report.volume_mm3.left and report.volume_mm3.right]
    swapped = [report for report in known if any(problem.kind == "swapped-sides" for problem in report.problems)]
    if known and len(swapped) == len(known):
        remedy = "Leave --exchange-sides out." if exchange_sides else "If your copy is so, add --exchange-sides."
        values = "2 is left and 1 is right" if exchange_sides else "1 is left and 2 is right"
        raise CaseError(
            f"In all {len(known)} cases the sides are swapped: {values} is what was assumed, but by the headers (RAS) "
            "the one called left lies to the right of the other.",
            f"Look at one case in 3D Slicer first. {remedy}",
        )
