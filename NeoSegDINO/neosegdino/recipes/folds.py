"""Folds of a cross-validation: whole subjects, drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from neosegdino.cases.case import Case
from neosegdino.errors import CaseError


def held_out_folds(cases: Sequence[Case], count: int, seed: int) -> list[list[Case]]:
    """Split cases into folds, each of which is held out once.

    Parameters
    ----------
    cases : sequence of Case
        All cases.
    count : int
        Folds.
    seed : int
        Which subjects are together depends on it and on the subjects' names alone.

    Returns
    -------
    list of list of Case
        Every case is in one fold, all cases of a subject in the same one; numbers of subjects differ by at most one.

    Raises
    ------
    CaseError
        Less than two folds, or too few subjects for training, validation and the held-out fold.
    """
    subjects = sorted({case.subject for case in cases})
    if count < 2 or len(subjects) < max(count, 3):
        raise CaseError(
            f"{len(subjects)} subjects cannot be split into {count} folds with others to train on and to validate.",
            "Give at least two folds, and as many subjects as folds (three at least).",
        )
    Random(seed).shuffle(subjects)
    groups = [set(subjects[number::count]) for number in range(count)]
    return [[case for case in cases if case.subject in group] for group in groups]
