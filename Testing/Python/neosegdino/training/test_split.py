from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neosegdino.cases.case import Case
from neosegdino.errors import CaseError
from neosegdino.training.split import split_by_subject


def make(*subjects: str) -> list[Case]:
    return [Case(f"{subject}-{number}", "image", "labels", subject) for number, subject in enumerate(subjects)]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=20), st.floats(0, 0.99), st.integers(0, 2**31))
def test_whole_subjects_in_order_and_never_nothing_to_train_on(subjects: list[str], share: float, seed: int) -> None:
    cases = make(*subjects)
    if share > 0 and len(set(subjects)) == 1:
        with pytest.raises(CaseError, match="one subject"):
            split_by_subject(cases, share, seed)
        return
    training, validation = split_by_subject(cases, share, seed)
    assert training
    assert not {case.subject for case in training} & {case.subject for case in validation}
    assert sorted(training + validation, key=cases.index) == cases
    assert [*training] == sorted(training, key=cases.index) and [*validation] == sorted(validation, key=cases.index)
    assert bool(validation) == (share > 0)


@pytest.mark.parametrize(("share", "subjects"), [(0.2, 2), (0.01, 1), (0.5, 5), (0.99, 9)])
def test_share_is_one_of_subjects_not_of_cases(share: float, subjects: int) -> None:
    cases = make(*(name for name in "abcdefghij" for _ in range(3)))
    _, validation = split_by_subject(cases, share, 1)
    assert len({case.subject for case in validation}) == subjects
    assert len(validation) == 3 * subjects


def test_the_draw_depends_on_the_seed_and_the_names_alone() -> None:
    cases = make(*"abcdefghij")
    drawn = {tuple(case.subject for case in split_by_subject(cases, 0.3, seed)[1]) for seed in range(20)}
    assert len(drawn) > 10
    _, once = split_by_subject(cases, 0.3, 5)
    _, turned = split_by_subject([*reversed(cases), *cases], 0.3, 5)
    assert {case.subject for case in once} == {case.subject for case in turned}


def test_nothing_is_kept_back_when_nothing_is_asked_for() -> None:
    cases = make("only", "only")
    assert split_by_subject(cases, 0, 1) == (cases, [])


def test_one_subject_cannot_be_split() -> None:
    with pytest.raises(CaseError, match="one subject") as told:
        split_by_subject(make("only", "only"), 0.2, 1)
    assert "set the validation share to 0" in told.value.remedy


def test_no_cases() -> None:
    with pytest.raises(CaseError, match="no cases"):
        split_by_subject([], 0, 1)
