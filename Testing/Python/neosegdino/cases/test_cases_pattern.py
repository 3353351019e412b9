from __future__ import annotations

from pathlib import Path

import pytest
from neosegdino.cases.case import Case
from neosegdino.cases.source import find_cases
from neosegdino.errors import CaseError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(cases: list[Case]) -> list[str]:
    return [case.name for case in cases]


def test_pairs_by_the_default_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "images/b.nii.gz", "images/a.nii", "labels/a.nii.gz", "labels/b.nii", "images/notes.txt")
    touch(tmp_path, "images/._a.nii.gz")
    found = find_cases(tmp_path, left=(3,), right=(4, 5))
    assert found == [
        Case("a", str(tmp_path / "images/a.nii"), str(tmp_path / "labels/a.nii.gz"), "a", (3,), (4, 5)),
        Case("b", str(tmp_path / "images/b.nii.gz"), str(tmp_path / "labels/b.nii"), "b", (3,), (4, 5)),
    ]


def test_one_without_its_partner_is_still_a_case(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.nii.gz", "labels/a.nii.gz", "images/b.nii.gz", "labels/c.nii.gz")
    found = {case.name: case for case in find_cases(tmp_path)}
    assert sorted(found) == ["a", "b", "c"]
    assert found["b"].labels == str(tmp_path / "labels/b.nii.gz") and not Path(found["b"].labels).exists()
    assert found["c"].image == str(tmp_path / "images/c.nii.gz") and not Path(found["c"].image).exists()


@pytest.mark.parametrize(
    ("images", "labels", "files"),
    [
        ("{case}.nii.gz", "{case}_labels.nii.gz", ["x.nii.gz", "x_labels.nii.gz"]),
        ("{case}_T1.nii", "{case}.nii", ["x_T1.nii", "x.nii"]),
        ("{case}/T2.nii.gz", "{case}/labels.nii.gz", ["x/T2.nii.gz", "x/labels.nii.gz", "x/T1.nii.gz"]),
        ("{case}/{case}_T2.nii.gz", "seg/{case}.nii.gz", ["x/x_T2.nii.gz", "seg/x.nii.gz", "x/y_T2.nii.gz"]),
        ("a[1]/{case}+.nii.gz", "b/{case}.nii.gz", ["a[1]/x+.nii.gz", "b/x.nii.gz", "a1/y+.nii.gz"]),
    ],
)
def test_patterns(tmp_path: Path, images: str, labels: str, files: list[str]) -> None:
    touch(tmp_path, *files)
    (case,) = find_cases(tmp_path, images, labels)
    assert (case.name, case.image, case.labels) == ("x", str(tmp_path / files[0]), str(tmp_path / files[1]))


@pytest.mark.parametrize("pattern", ["images/x.nii.gz", "images/{case}.mha", "../{case}.nii.gz", "/tmp/{case}.nii"])
def test_pattern_that_cannot_be_used_is_named(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(CaseError, match="cannot be used") as error:
        find_cases(tmp_path, images=pattern)
    assert pattern in error.value.message and error.value.remedy


def test_two_files_of_one_case(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.nii", "images/a.nii.gz", "labels/a.nii")
    with pytest.raises(CaseError, match=r"case a has two files, a\.nii and a\.nii\.gz"):
        find_cases(tmp_path)


def test_no_image_with_labels(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.nii", "images/b.nii", "labels/c.nii")
    with pytest.raises(CaseError, match=r"no image has labels \(2 files fit .* 1 fit"):
        find_cases(tmp_path)


def test_same_pattern_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii")
    with pytest.raises(CaseError, match="same pattern"):
        find_cases(tmp_path, "{case}.nii", "{case}.nii")


def test_source_that_is_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="no such file or folder"):
        find_cases(tmp_path / "nowhere")
    touch(tmp_path, "cases.xlsx")
    with pytest.raises(CaseError, match="not a CSV table"):
        find_cases(tmp_path / "cases.xlsx")


@pytest.mark.parametrize(("left", "right"), [((), (1,)), ((1,), (2, 1)), ((0,), (2,))])
def test_values_of_the_sides_are_checked(tmp_path: Path, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    touch(tmp_path, "images/a.nii", "labels/a.nii")
    with pytest.raises(CaseError, match="Values of the sides"):
        find_cases(tmp_path, left=left, right=right)
