"""Which cases are trained on and which validate: whole subjects, drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from neosegdino.cases.case import Case
from neosegdino.errors import CaseError
from neosegdino.training.seeds import seed_of


def split_by_subject(cases: Sequence[Case], share: float, seed: int) -> tuple[list[Case], list[Case]]:
    """Split cases into those trained on and those kept for validation.

    Parameters
    ----------
    cases : sequence of Case
        All cases.
    share : float
        Share of the subjects for validation; with more than 0 at least one subject.
    seed : int
        Which subjects are drawn depends on it and on their names alone.

    Returns
    -------
    training, validation : list of Case
        In the order given.

    Raises
    ------
    CaseError
        There is no case, or no subject would be left to train on.
    """
    if not cases:
        raise CaseError("There are no cases to train on.", "Give images with labels.")
    subjects = sorted({case.subject for case in cases})
    if share > 0 and len(subjects) < 2:
        raise CaseError(
            "All cases are of one subject, so that none can be kept for validation.",
            "Add a subject, or set the validation share to 0 (then all epochs are trained, and nothing is measured).",
        )
    count = min(max(1, round(share * len(subjects))), len(subjects) - 1) if share > 0 else 0
    kept = set(Random(seed_of(seed, "validation")).sample(subjects, count))
    return [c for c in cases if c.subject not in kept], [c for c in cases if c.subject in kept]
