from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import nibabel as nib
import numpy as np
import phantom
import pytest
from head_cases import Array, Change, exchanged, small_grid, write_case
from neosegdino.cases.case import Case
from neosegdino.cases.case_report import CaseReport, encode
from neosegdino.cases.preflight import preflight, require_usable
from neosegdino.errors import CaseError
from neosegdino.geometry import Grid


def look(case: Case) -> CaseReport:
    (report,) = preflight([case])
    return report


def kinds(report: CaseReport) -> list[tuple[str, bool]]:
    return [(problem.kind, problem.blocking) for problem in report.problems]


def test_good_case(tmp_path: Path) -> None:
    report = look(write_case(tmp_path))
    assert report.problems == () and not report.bad
    assert (report.shape, report.spacing_mm, report.axis_codes) == ((26, 26, 26), (3, 3, 3), ("R", "A", "S"))
    assert report.label_values == (1, 2)
    ball = 4 / 3 * np.pi * phantom.RADIUS**3
    assert report.volume_mm3.left == pytest.approx(ball, rel=0.15)
    assert report.volume_mm3.right == pytest.approx(ball, rel=0.15)


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (25.0, -20.0, 30.0)], ids=["straight", "oblique"])
@pytest.mark.parametrize("orientation", phantom.ORIENTATIONS, ids=str)
def test_sides_in_every_orientation(
    tmp_path: Path, orientation: tuple[tuple[int, ...], tuple[int, ...]], angles: tuple[float, ...]
) -> None:
    grid = small_grid(orientation, angles)
    assert kinds(look(write_case(tmp_path, "good", grid=grid, kind=".nii"))) == []
    swapped = look(write_case(tmp_path, "swapped", grid=grid, labels=exchanged, kind=".nii"))
    assert kinds(swapped) == [("swapped-sides", True)]
    assert re.search(r"lies 2[0-6] mm to the right", swapped.problems[0].message)


def moved(grid: Grid, shift: float = 0.0, angle: float = 0.0, shape: int = 0) -> Grid:
    affine = grid.affine.copy()
    affine[0, 3] += shift
    affine[:2, :2] = affine[:2, :2] @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Grid((grid.shape[0] + shape, *grid.shape[1:]), affine)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shift": 0.5}, "0.5 mm beside"),
        ({"angle": 0.02}, "mm beside"),
        ({"shape": 1}, "26 x 26 x 26 voxels, the labels have 27 x 26 x 26"),
    ],
)
def test_labels_on_another_grid(tmp_path: Path, change: dict[str, float], said: str) -> None:
    grid = small_grid()
    longer = (lambda values: np.pad(values, ((0, 1), (0, 0), (0, 0)))) if "shape" in change else None
    case = write_case(tmp_path, label_grid=moved(grid, **change), labels=longer)  # type: ignore[arg-type]
    report = look(case)
    assert kinds(report) == [("geometry", True)] and said in report.problems[0].message


def test_labels_whose_axes_are_stored_in_another_order_do_not_fit(tmp_path: Path) -> None:
    turned = look(write_case(tmp_path, label_grid=small_grid(((0, 1, 2), (-1, 1, 1)))))
    assert ("geometry", True) in kinds(turned)


def test_rounding_of_a_header_is_no_difference(tmp_path: Path) -> None:
    assert look(write_case(tmp_path, label_grid=moved(small_grid(), 0.004))).problems == ()


def renamed(values: Array) -> Array:
    return np.array([0, 1, 7], values.dtype)[values.astype(int)]


def soft(values: Array) -> Array:
    return values * 0.75


def not_a_number(values: Array) -> Array:
    changed = values.copy()
    changed[0, 0, :3] = np.nan
    return changed


def fore_and_aft(values: Array) -> Array:
    """Value 1 in front, 2 behind, on both sides."""
    changed = np.where(values > 0, 1, 0).astype(values.dtype)
    changed[:, : int(np.argwhere(values > 0)[:, 1].mean()) + 1] *= 2
    return changed


def far_off(values: Array) -> Array:
    return np.roll(values, 12, axis=2)


@pytest.mark.parametrize(
    ("labels", "expected", "said"),
    [
        (renamed, [("empty-side", True), ("other-values", False)], "no voxel has the value 2; found were 1 and 7"),
        (np.zeros_like, [("empty-side", True)] * 2, "the labels are empty"),
        (soft, [("non-integer", True)], "no whole number"),
        (not_a_number, [("non-finite", True)], "3 voxels of the labels are not finite"),
        (far_off, [("outside-brain", True)], "lie in the background"),
    ],
)
def test_damaged_labels(tmp_path: Path, labels: Change, expected: list[tuple[str, bool]], said: str) -> None:
    report = look(write_case(tmp_path, labels=labels))
    assert kinds(report) == expected
    assert said in report.problems[0].message and all(problem.remedy for problem in report.problems)


def test_values_of_a_case_count(tmp_path: Path) -> None:
    case = msgspec.structs.replace(write_case(tmp_path, labels=renamed), right=(7, 9))
    assert look(case).problems == ()
    assert look(case).volume_mm3 == look(write_case(tmp_path, "plain")).volume_mm3


def test_values_one_behind_the_other_are_no_sides(tmp_path: Path) -> None:
    report = look(write_case(tmp_path, labels=fore_and_aft))
    assert ("sides", True) in kinds(report)


def test_voxels_of_the_image_that_are_not_finite(tmp_path: Path) -> None:
    def rim(voxels: Array) -> Array:
        changed = voxels.copy()
        changed[0, 0, :5] = np.inf
        return changed

    def everywhere(voxels: Array) -> Array:
        changed = voxels.copy()
        changed[::4] = np.nan
        return changed

    harmless, damaged = look(write_case(tmp_path, "a", image=rim)), look(write_case(tmp_path, "b", image=everywhere))
    assert kinds(harmless) == [("non-finite", False)] and not harmless.bad
    assert harmless.problems[0].message.startswith("5 voxels of the image")
    assert kinds(damaged) == [("non-finite", True)] and "inside the labels" in damaged.problems[0].message


def test_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    case = write_case(tmp_path)
    missing = look(msgspec.structs.replace(case, labels=str(tmp_path / "none.nii.gz")))
    assert kinds(missing) == [("missing", True)] and "none.nii.gz" in missing.problems[0].message
    assert missing.shape == (26, 26, 26) and missing.volume_mm3.left is None
    content = Path(case.image).read_bytes()
    Path(case.image).write_bytes(content[: len(content) // 2])
    damaged = look(case)
    assert kinds(damaged) == [("unreadable", True)] and damaged.shape is None
    assert damaged.volume_mm3.left is not None


def test_image_without_contrast(tmp_path: Path) -> None:
    report = look(write_case(tmp_path, image=np.ones_like))
    assert kinds(report) == [("unreadable", True)] and "same value" in report.problems[0].message


def test_conflict_in_the_header_is_told(tmp_path: Path) -> None:
    case = write_case(tmp_path, kind=".nii")
    image = nib.load(case.image, mmap=False)
    flipped = image.affine.copy()
    flipped[0] *= -1
    image.set_qform(flipped, 1)
    nib.save(image, case.image)
    report = look(case)
    assert kinds(report) == [("header", False)] and "left and right" in report.problems[0].message


def stored_otherwise(case: Case, path: Path, change: Callable[[nib.Nifti1Image], nib.Nifti1Image]) -> Case:
    nib.save(change(nib.load(case.image)), path)
    return msgspec.structs.replace(case, name=path.name.partition(".")[0], image=str(path))


def test_same_voxels_under_other_names(tmp_path: Path) -> None:
    first = write_case(tmp_path, "first", image=np.rint, subject="s1")
    other = write_case(tmp_path, "other", image=np.rint, seed=1)
    integer = stored_otherwise(
        first, tmp_path / "integer.nii", lambda i: nib.Nifti1Image(i.get_fdata().astype(np.int16), i.affine)
    )
    turned = stored_otherwise(
        first, tmp_path / "turned.nii.gz", lambda i: i.as_reoriented(nib.io_orientation(np.diag([-1.0, 1, 1, 1])))
    )
    turned = msgspec.structs.replace(turned, subject="s2")
    reports = preflight([first, other, integer, turned])
    assert [report.bad for report in reports] == [False, False, True, True]
    same, across = (next(p for p in reports[index].problems if p.kind == "duplicate") for index in (2, 3))
    assert same.blocking and across.blocking
    assert "case first" in same.message and "another subject" not in same.message
    assert "another subject (s1)" in across.message
    assert ("geometry", True) in kinds(reports[3])  # its labels were not turned


def test_of_two_alike_the_one_that_can_be_used_stays(tmp_path: Path) -> None:
    broken, whole = write_case(tmp_path, "broken", labels=soft), write_case(tmp_path, "whole")
    assert [report.bad for report in preflight([broken, whole])] == [True, False]
    assert [report.bad for report in preflight([whole, broken])] == [False, True]


def test_each_report_is_told_at_once(tmp_path: Path) -> None:
    cases = [write_case(tmp_path, name, seed=number) for number, name in enumerate("ab")]
    told: list[CaseReport] = []
    assert preflight(cases, told.append) == told


@pytest.fixture
def mixed(tmp_path: Path) -> list[CaseReport]:
    return preflight(
        [
            write_case(tmp_path, "good"),
            write_case(tmp_path, "swapped", labels=exchanged, seed=1),
            write_case(tmp_path, "soft", labels=soft, seed=2),
        ]
    )


def test_bad_cases_are_named_or_left_out_on_request(mixed: list[CaseReport]) -> None:
    with pytest.raises(CaseError, match="2 of 3 cases cannot be used") as error:
        require_usable(mixed)
    assert "swapped: Sides swapped" in error.value.message and "soft: " in error.value.message
    assert "--leave-out-bad" in error.value.remedy
    assert require_usable(mixed, leave_out=True) == ["swapped", "soft"]
    assert require_usable(mixed[:1]) == []


@pytest.mark.parametrize("leave_out", [True, False])
def test_nothing_left(mixed: list[CaseReport], leave_out: bool) -> None:
    with pytest.raises(CaseError, match="None of 2 cases can be used:\n  swapped"):
        require_usable(mixed[1:], leave_out)
    with pytest.raises(CaseError, match="no cases"):
        require_usable([], leave_out)


def test_document(mixed: list[CaseReport]) -> None:
    document = json.loads(encode(mixed))
    assert {key: document[key] for key in ("schema", "usable", "bad")} == {
        "schema": "neosegdino-cases/1",
        "usable": 1,
        "bad": 2,
    }
    good, swapped, damaged = document["cases"]
    assert list(good) == [
        *("name", "subject", "image", "labels", "shape", "spacing_mm", "axis_codes"),
        *("label_values", "volume_mm3", "contrast", "problems"),
    ]
    assert list(swapped["problems"][0]) == ["kind", "message", "remedy", "blocking"]
    assert damaged["volume_mm3"] == {"left": None, "right": None} and damaged["label_values"] == []


def test_real_crops_whose_values_are_head_and_body(real_data: Path) -> None:
    folder = real_data / "msd-hippocampus"
    images = sorted((folder / "images").glob("*.nii.gz"))[:4]
    cases = [Case(path.name, str(path), str(folder / "labels" / path.name), path.name) for path in images]
    for report in preflight(cases):
        assert kinds(report) == [("sides", True)], report
        assert 2000 < sum(msgspec.structs.astuple(report.volume_mm3)) < 5000
