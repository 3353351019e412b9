from __future__ import annotations

import random

import pytest
from neosegdino.cases.case import Case
from neosegdino.errors import CaseError
from neosegdino.recipes.folds import held_out_folds

CASES = [Case(f"s{n}-{part}", "a", "b", f"s{n}") for n in range(20) for part in ("T1", "T2")]


def names(folds: list[list[Case]]) -> list[list[str]]:
    return [sorted(case.name for case in fold) for fold in folds]


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_every_subject_is_held_out_once_as_a_whole(count: int) -> None:
    folds = held_out_folds(CASES, count, 1)
    assert sorted(case.name for fold in folds for case in fold) == sorted(case.name for case in CASES)
    subjects = [{case.subject for case in fold} for fold in folds]
    assert sum(len(group) for group in subjects) == 20
    assert max(map(len, subjects)) - min(map(len, subjects)) <= 1


def test_drawn_by_seed_and_not_by_order() -> None:
    shuffled = random.Random(0).sample(CASES, len(CASES))
    assert names(held_out_folds(shuffled, 5, 1)) == names(held_out_folds(CASES, 5, 1))
    assert names(held_out_folds(CASES, 5, 2)) != names(held_out_folds(CASES, 5, 1))


@pytest.mark.parametrize(("subjects", "count"), [(20, 1), (4, 5), (2, 2)])
def test_too_few(subjects: int, count: int) -> None:
    with pytest.raises(CaseError, match=f"{subjects} subjects cannot be split into {count} folds"):
        held_out_folds(CASES[: 2 * subjects], count, 1)
