"""The plan of a run: made once, and compared with what is there whenever the run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from neosegdino import files
from neosegdino.bundle import Bundle
from neosegdino.bundle_store import find_bundle
from neosegdino.cases.case import Case
from neosegdino.errors import CaseError, TrainingError
from neosegdino.training.run_folder import Plan, PlannedCase
from neosegdino.training.settings import FinetuneSettings, absolute_bundle
from neosegdino.training.tuned_spec import tuned_spec


def make_plan(
    training: Sequence[Case], validation: Sequence[Case], settings: FinetuneSettings, left_out: Sequence[str] = ()
) -> Plan:
    """Fix what a run does; its files are named so that it may go on from any folder.

    Raises
    ------
    CaseError
        No case to train on, two cases of one name, a name that no plan can hold, or a file cannot be read.
    TrainingError, BundleError
        The settings contradict one another, or the bundle cannot be used.
    """
    if not training:
        raise CaseError("There are no cases to train on.", "Give images with labels.")
    names = [case.name for case in (*training, *validation)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CaseError(f"Several cases have the name {twice[0]}.", "Give each case a name of its own.")
    for case in (*training, *validation):
        _check_names(case)
    bundle = find_bundle(settings.bundle)
    tuned_spec(bundle.spec, settings)
    return Plan(
        msgspec.structs.replace(settings, bundle=absolute_bundle(settings.bundle)),
        tuple(_planned(case.absolute()) for case in training),
        tuple(_planned(case.absolute()) for case in validation),
        str(bundle.folder.resolve()),
        bundle.sha256,
        tuple(left_out),
    )


def _check_names(case: Case) -> None:
    """Check that a case's names can be written down: not those with bytes that are no UTF-8."""
    for name in (case.name, case.subject, case.image, case.labels):
        if files.printable(name) != name:
            raise CaseError(f"{files.printable(name)} has letters that are no UTF-8.", "Rename it.")


def planned_bundle(plan: Plan) -> Bundle:
    """Find the bundle that a run starts from.

    Raises
    ------
    TrainingError
        It is another one than when the run began.
    BundleError
        It is gone or damaged.
    """
    bundle = find_bundle(Path(plan.bundle_folder))
    if bundle.sha256 != plan.bundle_sha256:
        raise TrainingError(
            f"The bundle {bundle.folder} is not the one that the run began with.",
            "Bring that bundle back, or start a new run.",
        )
    return bundle


def check_unchanged(plan: Plan) -> None:
    """Check that every file of a run is what it was.

    Raises
    ------
    CaseError
        A file is gone or has changed.
    """
    for planned in (*plan.training, *plan.validation):
        now = _planned(planned.case)
        changed = [
            path
            for path, before, after in (
                (planned.case.image, planned.image_sha256, now.image_sha256),
                (planned.case.labels, planned.labels_sha256, now.labels_sha256),
            )
            if before != after
        ]
        if changed:
            raise CaseError(
                f"Case {planned.case.name}: {changed[0]} has changed since the run began.",
                "Bring the file back, or start a new run.",
            )


def _planned(case: Case) -> PlannedCase:
    return PlannedCase(case, _hash(case, case.image), _hash(case, case.labels))


def _hash(case: Case, path: str) -> str:
    try:
        return files.sha256(path)
    except OSError as error:
        raise CaseError(
            f"Case {case.name}: {path} cannot be read: {error.strerror or error}.", "Bring the file back."
        ) from error
