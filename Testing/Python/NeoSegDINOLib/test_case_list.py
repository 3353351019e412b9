from __future__ import annotations

from neosegdino.cases.case import Case
from NeoSegDINOLib.case_list import add_cases


def case(name, image="", **fields):
    return Case(name, f"{image or name}.nii", f"{image or name}_labels.nii", name, **fields)


def names(cases):
    return [one.name for one in cases]


def test_names_are_made_unique():
    assert names(add_cases([case("a")], [case("a", "other"), case("b")])) == ["a", "a-2", "b"]


def test_the_same_files_again_take_the_place_of_the_known_case():
    known = [case("a"), case("b"), case("c")]
    corrected = case("b", left=(7,), right=(14,))
    assert add_cases(known, [corrected, case("d")]) == [known[0], corrected, known[2], case("d")]
    assert add_cases(known, known) == known


def test_a_case_that_is_named_anew_takes_no_other_ones_name():
    known = [case("a"), case("a-2", "second")]
    assert names(add_cases(known, [case("a", "second")])) == ["a", "a-2"]
    assert names(add_cases(known, [case("a-2", "a")])) == ["a-2-2", "a-2"]
