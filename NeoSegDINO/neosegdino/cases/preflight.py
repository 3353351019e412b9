"""The preflight: a look at every case before any work, so that nothing is trained or measured on what is broken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neosegdino import measure
from neosegdino.cases import checks
from neosegdino.cases.case import SIDES, Case
from neosegdino.cases.case_report import CaseReport, Problem, SideVolumes
from neosegdino.cases.loading import side_labels
from neosegdino.errors import CaseError, VolumeError
from neosegdino.files import printable
from neosegdino.geometry import Affine
from neosegdino.volume import Volume, load_volume

_MOST_NAMED = 20


def preflight(cases: Sequence[Case], on_case: Callable[[CaseReport], None] | None = None) -> list[CaseReport]:
    """Look at every case.

    Of several images with the same voxels only one may stay, the first with which nothing else is wrong.

    Parameters
    ----------
    cases : sequence of Case
        What `neosegdino.cases.source.find_cases` found.
    on_case : callable, optional
        Told each report as soon as it is there.

    Returns
    -------
    list of CaseReport
        In the order of the cases; nothing is raised for a case that is broken.
    """
    reports = []
    known: dict[str, CaseReport] = {}
    for case in cases:
        report, content = _look_at(case)
        first = known.get(content)
        if first is not None and not first.bad:
            report = _with_problem(report, _duplicate(report, first))
        elif content:
            known[content] = report
        reports.append(report)
        if on_case is not None:
            on_case(report)
    return reports


def require_usable(reports: Sequence[CaseReport], leave_out: bool = False) -> list[str]:
    """Check that all cases can be used, or name those to leave out.

    Parameters
    ----------
    reports : sequence of CaseReport
        The preflight.
    leave_out : bool, optional
        Whether bad cases may be left out.

    Returns
    -------
    list of str
        Names of the cases to leave out; empty unless asked for.

    Raises
    ------
    CaseError
        There are bad cases, all of which are named, and they are not to be left out; or no case is left.
    """
    bad = [report for report in reports if report.bad]
    if len(bad) == len(reports):
        raise CaseError(
            f"None of {len(reports)} cases can be used:{_named(bad)}" if reports else "There are no cases.",
            "'neosegdino cases' shows what is wrong with each and what to do.",
        )
    if bad and not leave_out:
        raise CaseError(
            f"{len(bad)} of {len(reports)} cases cannot be used:{_named(bad)}",
            "Mend them ('neosegdino cases' says how), or leave them out with --leave-out-bad.",
        )
    return [report.name for report in bad]


def _look_at(case: Case) -> tuple[CaseReport, str]:
    """Report of a case, and a hash of its image's voxels; empty where they cannot be read."""
    name, subject, image_file, labels_file = map(printable, (case.name, case.subject, case.image, case.labels))
    report = CaseReport(name, subject, image_file, labels_file)
    problems: list[Problem] = []
    image, labels = _load(case.image, "image", problems), _load(case.labels, "labels", problems)
    if image is not None:
        report = msgspec.structs.replace(
            report, shape=image.shape, spacing_mm=_rounded(image.spacing), axis_codes=image.axis_codes
        )
        problems += [_note(note) for note in image.notes]
    sides = None if labels is None else side_labels(checks.finite(labels), case)
    if labels is not None and sides is not None:
        report, found = _look_at_labels(report, labels, sides, case)
        problems += found
    if image is not None and labels is not None and sides is not None:
        together, contrast = checks.check_pair(image, labels, sides, case)
        problems += together
        report = msgspec.structs.replace(report, contrast=contrast)
    report = msgspec.structs.replace(report, problems=_blocking_first(problems))
    return report, "" if image is None else _content(image)


def _look_at_labels(
    report: CaseReport, labels: Volume, sides: NDArray[np.uint8], case: Case
) -> tuple[CaseReport, list[Problem]]:
    """Where the values are damaged, they say nothing more."""
    if damaged := list(checks.check_numbers(labels)):
        return report, damaged
    report = msgspec.structs.replace(
        report, label_values=checks.label_values(labels), volume_mm3=_volumes(sides, labels.affine)
    )
    return report, [*checks.check_values(report.label_values, case), *checks.check_sides(sides, labels.affine)]


def _load(path: str, what: str, problems: list[Problem]) -> Volume | None:
    if not Path(path).exists():
        remedy = f"Put the {what} there, or leave the case out."
        problems.append(Problem("missing", f"There is no file for the {what}: {path}.", remedy, True))
        return None
    try:
        return load_volume(path, flat=what == "labels")
    except VolumeError as error:
        problems.append(Problem("unreadable", f"The {what} cannot be used: {error.message}", error.remedy, True))
        return None


def _note(note: str) -> Problem:
    return Problem("header", note, "Look at the image and compare it with the original.", False)


def _volumes(sides: NDArray[np.uint8], affine: Affine) -> SideVolumes:
    found = measure.volumes_mm3(sides, affine)
    left, right = (round(found.get(SIDES[side], 0.0), 2) for side in ("left", "right"))
    return SideVolumes(left, right)


def _content(image: Volume) -> str:
    """Hash of the voxels in RAS order: the same for another file type, number type or order of axes."""
    turned = nib.apply_orientation(image.data, nib.io_orientation(image.affine))
    # Adding 0 turns -0 into 0.
    voxels = np.ascontiguousarray(turned, dtype=np.float32) + np.float32(0)
    digest = hashlib.sha256(repr(voxels.shape).encode())
    digest.update(voxels.data)
    return digest.hexdigest()


def _duplicate(report: CaseReport, first: CaseReport) -> Problem:
    other = f", which is of another subject ({first.subject})" if first.subject != report.subject else ""
    return Problem(
        "duplicate",
        f"The image has the same voxels as that of case {first.name}{other}.",
        "Find out whose image it is, and keep one of the two." if other else "Keep one of the two.",
        True,
    )


def _with_problem(report: CaseReport, problem: Problem) -> CaseReport:
    return msgspec.structs.replace(report, problems=_blocking_first([*report.problems, problem]))


def _blocking_first(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: not problem.blocking))


def _rounded(spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    first, second, third = (round(side, 6) for side in spacing)
    return first, second, third


def _named(bad: Sequence[CaseReport]) -> str:
    """A line for each bad case with its worst problem."""
    lines = [f"\n  {report.name}: {report.problems[0].message}" for report in bad[:_MOST_NAMED]]
    more = [f"\n  and {', '.join(report.name for report in bad[_MOST_NAMED:])}."] if len(bad) > _MOST_NAMED else []
    return "".join(lines + more)
