from __future__ import annotations

from pathlib import Path

import pytest
from neosegdino.cases.case import Case
from neosegdino.cases.source import find_cases
from neosegdino.errors import CaseError

TSV = "index\tname\tabbreviation\n0\tBackground\tBG\n17\tLeft-Hippocampus\tLH\n18\tHippocampus_L_tail\tLT\n"
TSV += "53\tRight-Hippocampus\tRH\n54\tRight-Amygdala\tRA\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "dataset_description.json").write_text("{}")
    return tmp_path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(tree: Path, **options: object) -> dict[str, Case]:
    return {case.name: case for case in find_cases(tree, **options)}  # type: ignore[arg-type]


def test_subjects_with_and_without_sessions(tree: Path) -> None:
    touch(tree, "sub-01/anat/sub-01_T2w.nii.gz", "derivatives/hip/sub-01/anat/sub-01_dseg.nii.gz")
    touch(tree, "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii", "sub-02/ses-b/anat/sub-02_ses-b_T1w.nii")
    touch(tree, "derivatives/hip/sub-02/ses-a/anat/sub-02_ses-a_dseg.nii.gz")
    touch(tree, "derivatives/hip/sub-02/ses-b/anat/sub-02_ses-b_desc-manual_dseg.nii")
    touch(tree, "sub-01/func/sub-01_task-rest_bold.nii.gz", "sub-01/anat/sub-01_PDw.nii.gz")
    cases = found(tree)
    assert {name: case.subject for name, case in cases.items()} == {
        "sub-01_T2w": "sub-01",
        "sub-02_ses-a_T1w": "sub-02",
        "sub-02_ses-b_T1w": "sub-02",
    }
    assert cases["sub-02_ses-b_T1w"].labels.endswith("ses-b/anat/sub-02_ses-b_desc-manual_dseg.nii")


def test_segmentation_is_chosen_by_its_entities(tree: Path) -> None:
    raw, made = "sub-01/anat/sub-01", "derivatives/hip/sub-01/anat/sub-01"
    touch(tree, f"{raw}_acq-fast_T1w.nii.gz", f"{raw}_acq-slow_T1w.nii.gz", f"{raw}_acq-slow_T2w.nii.gz")
    touch(tree, f"{made}_dseg.nii.gz", f"{made}_acq-slow_space-T2w_dseg.nii.gz", f"{made}_acq-slow_dseg.nii.gz")
    touch(tree, f"{made}_acq-other_dseg.nii.gz", f"{made}_space-MNI152_dseg.nii.gz")
    names = {name: Path(case.labels).name for name, case in found(tree).items()}
    assert names == {
        "sub-01_acq-fast_T1w": "sub-01_dseg.nii.gz",
        "sub-01_acq-slow_T1w": "sub-01_acq-slow_dseg.nii.gz",
        "sub-01_acq-slow_T2w": "sub-01_acq-slow_space-T2w_dseg.nii.gz",
    }


def test_image_without_segmentation_is_still_a_case(tree: Path) -> None:
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz", "derivatives/hip/sub-01/anat/sub-01_dseg.nii.gz")
    touch(tree, "sub-02/anat/sub-02_T1w.nii.gz")
    case = found(tree)["sub-02_T1w"]
    assert Path(case.labels).name == "sub-02_dseg.nii.gz" and not Path(case.labels).exists()


def test_several_that_fit_are_named(tree: Path) -> None:
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz")
    touch(tree, *(f"derivatives/{part}/sub-01/anat/sub-01_dseg.nii.gz" for part in ("alice", "bob")))
    with pytest.raises(CaseError, match=r"sub-01_T1w\.nii\.gz: several .*alice.* and .*bob") as error:
        find_cases(tree)
    assert "--labels" in error.value.remedy


def test_patterns_choose_among_several(tree: Path) -> None:
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz")
    touch(tree, *(f"derivatives/{part}/sub-01/anat/sub-01_dseg.nii.gz" for part in ("alice", "bob")))
    labels = "derivatives/bob/{case}/anat/{case}_dseg.nii.gz"
    (case,) = found(tree, images="{case}/anat/{case}_T1w.nii.gz", labels=labels).values()
    assert "bob" in case.labels


@pytest.mark.parametrize("table", ["dseg.tsv", "desc-hip_dseg.tsv", "sub-01/anat/sub-01_dseg.tsv"])
def test_table_of_labels_names_the_sides(tree: Path, table: str) -> None:
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz", "derivatives/hip/sub-01/anat/sub-01_dseg.nii.gz")
    (tree / "derivatives/hip" / table).write_text(TSV)
    case = found(tree)["sub-01_T1w"]
    assert (case.left, case.right) == ((17, 18), (53,))
    case = found(tree, left=(3,), right=(4,))["sub-01_T1w"]
    assert (case.left, case.right) == ((3,), (4,))


def test_what_is_named_after_the_hippocampus_is_not_it(tree: Path) -> None:
    names = (
        (17, "Left-Hippocampus"), (53, "Right-Hippocampus"), (1016, "ctx-lh-parahippocampal"),
        (2016, "ctx-rh-parahippocampal"), (500, "left_para-hippocampal_gyrus"), (193, "Left-hippocampal_fissure"),
        (211, "Left-HATA hippocampus-amygdala-transition-area"), (226, "Right-Hippocampal_tail"),
    )  # fmt: skip
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz", "derivatives/hip/sub-01/anat/sub-01_dseg.nii.gz")
    rows = "".join(f"{value}\t{name}\n" for value, name in names)
    (tree / "derivatives/hip/dseg.tsv").write_text(f"index\tname\n{rows}")
    case = found(tree)["sub-01_T1w"]
    assert (case.left, case.right) == ((17,), (53, 226))


def test_table_without_hippocampi_changes_nothing(tree: Path) -> None:
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz", "derivatives/hip/sub-01/anat/sub-01_dseg.nii.gz")
    (tree / "derivatives/hip/dseg.tsv").write_text("index\tname\n3\tcortex\n")
    case = found(tree)["sub-01_T1w"]
    assert (case.left, case.right) == ((1,), (2,))


def test_damaged_table_is_named(tree: Path) -> None:
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz", "derivatives/hip/sub-01/anat/sub-01_dseg.nii.gz")
    (tree / "derivatives/hip/dseg.tsv").write_text("index,name\n3,cortex\n")
    with pytest.raises(CaseError, match=r"dseg\.tsv cannot be read"):
        find_cases(tree)


def test_tree_without_segmentations(tree: Path) -> None:
    touch(tree, "sub-01/anat/sub-01_T1w.nii.gz")
    with pytest.raises(CaseError, match="none of 1 images"):
        find_cases(tree)
