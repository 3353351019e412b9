from __future__ import annotations

from pathlib import Path

import pytest
from neosegdino.cases.case import Case
from neosegdino.cases.source import find_cases
from neosegdino.cases.table import write_table
from neosegdino.errors import CaseError


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "cases.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_all_columns_and_the_defaults(tmp_path: Path) -> None:
    text = "Image, labels,name,subject,left,right,age\n"
    text += "a b.nii.gz,l/a.nii.gz,,,,,3\n\n/data/c.nii,/data/d.nii,é,s1,17 18,53,\n"
    found = find_cases(table(tmp_path, text, "utf-8-sig"), left=(7,), right=(8,))
    assert found == [
        Case("a b", str(tmp_path / "a b.nii.gz"), str(tmp_path / "l/a.nii.gz"), "a b", (7,), (8,)),
        Case("é", "/data/c.nii", "/data/d.nii", "s1", (17, 18), (53,)),
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    cases = [
        Case("one, two", str(tmp_path / "a.nii"), "/elsewhere/a.nii", 's "1"', (1, 4), (2,)),
        Case("é", str(tmp_path / "deep" / "b.nii"), str(tmp_path / "c.nii"), "s2"),
    ]
    write_table(tmp_path / "cases.csv", cases)
    assert "deep/b.nii" in (tmp_path / "cases.csv").read_text(encoding="utf-8")
    assert str(tmp_path) not in (tmp_path / "cases.csv").read_text(encoding="utf-8")
    assert find_cases(tmp_path / "cases.csv") == cases


@pytest.mark.parametrize(
    "text",
    [
        ",image,labels\n0,a.nii,b.nii\n1,c.nii,d.nii\n",  # the index that pandas writes
        "image,labels,\na.nii,b.nii,\nc.nii,d.nii,\n",
        "image,labels\na.nii,b.nii,\nc.nii,d.nii,\n",
        ",image,,labels\nx,a.nii,y,b.nii,\n,c.nii,,d.nii,,\n",
    ],
)
def test_columns_without_a_name_are_passed_over(tmp_path: Path, text: str) -> None:
    found = find_cases(table(tmp_path, text))
    assert [(Path(case.image).name, Path(case.labels).name) for case in found] == [
        ("a.nii", "b.nii"),
        ("c.nii", "d.nii"),
    ]


def test_homes_are_known_and_what_only_looks_like_one_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (case,) = find_cases(table(tmp_path, "image,labels\n~/a.nii,~nobody-known/b.nii\n"))
    assert (case.image, case.labels) == (str(tmp_path / "home" / "a.nii"), str(tmp_path / "~nobody-known" / "b.nii"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'image'"),
        ("image;labels\na;b\n", "no column 'image'.*image;labels"),
        ("image,label\na,b\n", "no column 'labels'"),
        ("image,labels,subjet\na,b,c\n", "column 'subjet', which looks like 'subject'"),
        ("image,labels,image\na,b,c\n", "two columns 'image'"),
        ("image,labels\n", "lists no case"),
        ("image,labels\na.nii,\n", "line 2: no labels"),
        ("image,labels\na.nii,b.nii,c.nii\n", "line 2: there are more values than columns"),
        (",image,labels\n0,a.nii,b.nii,c.nii\n", "line 2: there are more values than columns"),
        ("image,labels,left\na.nii,b.nii,x\n", "line 2: 'x' in column 'left'"),
        ("image,labels,left\na.nii,b.nii,2\n", "line 2: the value 2 stands for left and for right"),
        ("image,labels\nx/a.nii,b.nii\ny/A.nii,b.nii\n", "2 cases have the name a"),
        ("image,labels,name\na.nii,b.nii,../c\n", "'../c' cannot be the name of a case"),
    ],
)
def test_wrong_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CaseError, match=message) as error:
        find_cases(table(tmp_path, text))
    assert "cases.csv" in error.value.message and error.value.remedy


def test_table_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="cannot be read as a CSV table"):
        find_cases(table(tmp_path, "image,labels\né,b\n", "latin-1"))


def test_patterns_are_not_for_tables(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="patterns are for folders"):
        find_cases(table(tmp_path, "image,labels\na,b\n"), images="{case}.nii")
