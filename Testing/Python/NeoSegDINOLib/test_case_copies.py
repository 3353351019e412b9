"""Which files go when a case is removed: copies of this run alone, and none once a run could need them."""

from __future__ import annotations

from pathlib import Path

import pytest
from neosegdino.cases.case import Case
from neosegdino.training.run_folder import RunFolder
from NeoSegDINOLib.case_copies import CaseCopies
from NeoSegDINOLib.case_list import table_of


def case(folder: Path, name: str = "one") -> Case:
    """A case whose two files are there."""
    folder.mkdir(parents=True, exist_ok=True)
    image, labels = folder / f"{name}_image.nii.gz", folder / f"{name}_labels.nii.gz"
    for file in (image, labels):
        file.touch()
    return Case(name, str(image), str(labels), subject=name)


def in_run(folder: Path, name: str = "one") -> Case:
    """A case whose files lie where a run's copies do."""
    return case(table_of(folder).parent, name)


def is_there(one: Case) -> bool:
    image, labels = Path(one.image).exists(), Path(one.labels).exists()
    assert image is labels
    return image


def test_copies_go_with_their_case(tmp_path: Path) -> None:
    copies, gone, stays = CaseCopies(), in_run(tmp_path, "one"), in_run(tmp_path, "two")
    copies.add([gone, stays])
    copies.delete(tmp_path, [gone])
    assert not is_there(gone) and is_there(stays)


def test_what_was_not_written_here_stays(tmp_path: Path) -> None:
    own = in_run(tmp_path)
    CaseCopies().delete(tmp_path, [own])
    assert is_there(own)


def test_copies_of_another_run_stay(tmp_path: Path) -> None:
    copies, other = CaseCopies(), in_run(tmp_path / "other")
    copies.add([other])
    copies.delete(tmp_path / "this", [other])
    assert is_there(other)


def test_what_two_runs_list_stays(tmp_path: Path) -> None:
    copies, shared = CaseCopies(), in_run(tmp_path / "other")
    copies.add([shared])
    copies.keep(tmp_path / "this", [shared])
    copies.delete(tmp_path / "other", [shared])
    assert is_there(shared)


@pytest.mark.parametrize("file", ["plan_file", "status_file"])
def test_a_run_keeps_its_copies(tmp_path: Path, file: str) -> None:
    copies, needed = CaseCopies(), in_run(tmp_path)
    copies.add([needed])
    there: Path = getattr(RunFolder(tmp_path), file)
    there.parent.mkdir(parents=True, exist_ok=True)
    there.touch()
    copies.delete(tmp_path, [needed])
    assert is_there(needed)
