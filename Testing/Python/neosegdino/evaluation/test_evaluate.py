from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import nibabel as nib
import numpy as np
import pytest
from bundle_samples import class_spec
from evaluation_cases import make_case, moved, write_labels
from neosegdino.bundle import Bundle
from neosegdino.cases.case import Case
from neosegdino.errors import Cancelled, CaseError, DependencyError, DeviceError
from neosegdino.evaluation.evaluate import evaluate, evaluate_predictions
from neosegdino.evaluation.results import Evaluation
from neosegdino.geometry import Grid
from neosegdino.progress import Event, LogEvent, Progress, ProgressEvent
from neosegdino.spec import WindowSpec
from oracle_bundle import LOCATOR, RADIUS, make_oracle_bundle, make_view, truth
from phantom import ORIENTATIONS, everywhere
from scipy.spatial.transform import Rotation

pytestmark = pytest.mark.usefixtures("one_thread")

STRAIGHT = make_view(spacing=(2.0, 2.0, 2.0))


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_oracle_bundle(tmp_path_factory.mktemp("models") / "oracle")


@pytest.fixture
def one_case(tmp_path: Path) -> Case:
    return make_case(tmp_path / "cases", "a", STRAIGHT)


def measures(found: Evaluation) -> list[tuple[Any, ...]]:
    return [msgspec.structs.astuple(row.measures) for row in found.rows]


def test_the_whole_road_on_unlike_grids_beside_a_broken_file(oracle: Bundle, tmp_path: Path) -> None:
    rotation = Rotation.from_euler("xyz", (12, -17, 9), degrees=True).as_matrix()
    oblique = make_view(ORIENTATIONS[13], (1.0, 1.4, 2.0), rotation, 112)
    cases = [make_case(tmp_path, "a", STRAIGHT, "one"), make_case(tmp_path, "b", oblique, "two")]
    broken = make_case(tmp_path, "broken", STRAIGHT)
    Path(broken.image).write_bytes(b"no image")
    events: list[Event] = []
    found = evaluate([cases[0], broken, cases[1]], oracle, device="cpu", progress=Progress(events.append, runs=3))
    assert [(row.case, row.subject, row.side) for row in found.rows] == [
        ("a", "one", "left"),
        ("a", "one", "right"),
        ("b", "two", "left"),
        ("b", "two", "right"),
    ]
    volume = 4 / 3 * np.pi * RADIUS**3
    for row in found.rows:
        assert row.measures.dice is not None and row.measures.dice > 0.9
        assert row.measures.hd95_mm is not None and row.measures.hd95_mm <= 2.0
        assert row.measures.reference_mm3 == pytest.approx(volume, rel=0.05)
        assert row.located is True
    (failure,) = found.failures
    assert (failure.case, failure.kind, failure.exit_code, found.exit_code) == ("broken", "VolumeError", 3, 3)
    assert "broken.nii.gz" in failure.message
    assert found.origin.bundle is not None
    assert (found.origin.bundle.name, found.origin.bundle.sha256) == ("oracle", oracle.sha256)
    assert found.origin.device is not None and found.origin.device.startswith("CPU")
    fractions = [event.fraction for event in events if isinstance(event, ProgressEvent)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    told = [event.message for event in events if isinstance(event, LogEvent)]
    assert any(text.startswith("a: Dice left ") for text in told)
    assert any(text.startswith("Not evaluated: broken: ") for text in told)


def test_what_the_bundle_says_is_in_the_rows(one_case: Case, tmp_path: Path) -> None:
    """Its labels are other numbers; it does not find the place and says so."""
    unsure = make_oracle_bundle(
        tmp_path / "unsure",
        locator=msgspec.structs.replace(LOCATOR, min_side_mm3=50_000.0),
        windows=WindowSpec((64, 48, 48)),
    )
    found = evaluate([one_case], unsure, device="cpu")
    assert [row.located for row in found.rows] == [False, False]
    assert all("could not be located" in "".join(row.warnings) for row in found.rows)
    assert all(row.measures.dice > 0.9 for row in found.rows if row.measures.dice is not None)


def test_sides_are_those_of_the_bundles_classes(one_case: Case, tmp_path: Path) -> None:
    swapped = make_oracle_bundle(tmp_path / "swapped", classes=(class_spec(1, "right"), class_spec(2, "left")))
    found = evaluate([one_case], swapped, device="cpu")
    assert [row.measures.dice for row in found.rows] == [0, 0]


def test_what_concerns_all_cases_is_raised(oracle: Bundle, one_case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CaseError, match="no cases"):
        evaluate([], oracle)
    with pytest.raises(DeviceError, match="'toaster'"):
        evaluate([one_case], oracle, device="toaster")
    with pytest.raises(Cancelled):
        evaluate([one_case], oracle, device="cpu", progress=Progress(cancelled=lambda: True))
    monkeypatch.setitem(__import__("sys").modules, "monai.metrics", None)
    with pytest.raises(DependencyError, match="monai"):
        evaluate([one_case], oracle, device="cpu")


def test_label_maps_of_a_folder(tmp_path: Path) -> None:
    """Named as `neosegdino segment` does, or after the case; moved and grown ones measure as geometry says."""
    cases = [make_case(tmp_path / "cases", name, STRAIGHT) for name in ("exact", "moved", "grown")]
    write_labels(tmp_path / "found" / "exact_hippocampus.nii.gz", truth(everywhere(STRAIGHT)), STRAIGHT)
    write_labels(tmp_path / "found" / "moved.nii.gz", moved(STRAIGHT, (0, 4, 0)), STRAIGHT)
    write_labels(tmp_path / "found" / "grown.nii.gz", moved(STRAIGHT, (0, 0, 0), 1.25), STRAIGHT)
    found = evaluate_predictions(cases, tmp_path / "found")
    assert not found.failures
    by_name = {(row.case, row.side): row.measures for row in found.rows}
    assert measures(found)[0][:5] == (1, 0, 0, 1, 1)
    for side in ("left", "right"):
        shifted, grown = by_name["moved", side], by_name["grown", side]
        overlap = 1 - 3 * 4 / (4 * RADIUS) + 4**3 / (16 * RADIUS**3)  # of two balls
        assert shifted.dice == pytest.approx(overlap, abs=0.02)
        assert shifted.hd95_mm == pytest.approx(4, abs=0.5)
        assert shifted.volume_error_mm3 == 0
        assert grown.volume_error_percent == pytest.approx(100 * (1.25**3 - 1), abs=8)
        assert grown.assd_mm == pytest.approx(RADIUS / 4, abs=0.5)
    assert found.rows[0].located is None
    assert [example.name for example in found.worst][-1] == "exact"


def test_any_storage_order_gives_the_same_rows(tmp_path: Path) -> None:
    expected = None
    for number in (0, 11, 23, 34, 47):
        order, _ = ORIENTATIONS[number]
        grid = make_view(ORIENTATIONS[number], [(1.6, 2.0, 2.6)[axis] for axis in order])
        case = make_case(tmp_path / str(number), "x", grid)
        write_labels(tmp_path / str(number) / "x_hippocampus.nii.gz", moved(grid, (1.5, 2, -1), 0.9), grid)
        rows = measures(evaluate_predictions([case], tmp_path / str(number)))
        expected = expected or rows
        for row, first in zip(rows, expected, strict=True):
            assert row == pytest.approx(first, abs=1e-4)


@pytest.mark.parametrize("number", [5, 19, 40])
def test_oblique_anisotropic_grids_measure_the_same_anatomy(tmp_path: Path, number: int) -> None:
    angles = np.random.default_rng(number).uniform(-30, 30, 3)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    grid = make_view(ORIENTATIONS[number], np.roll((0.9, 1.2, 1.8), number), rotation, 112)
    case = make_case(tmp_path, "x", grid)
    write_labels(tmp_path / "x.nii.gz", moved(grid, (0, 0, 0), 1.25), grid)
    Path(case.image).rename(tmp_path / "image.nii.gz")
    case = msgspec.structs.replace(case, image=str(tmp_path / "image.nii.gz"))
    write_labels(tmp_path / "x.nii.gz", moved(grid, (0, 0, 0), 1.25), grid)
    for row in evaluate_predictions([case], tmp_path).rows:
        assert row.measures.volume_error_percent == pytest.approx(100 * (1.25**3 - 1), rel=0.03)
        assert row.measures.assd_mm == pytest.approx(RADIUS / 4, rel=0.12)
        assert row.measures.hd95_mm == pytest.approx(RADIUS / 4, rel=0.35)


def test_images_of_one_name_take_the_label_map_named_after_the_case(tmp_path: Path) -> None:
    """Otherwise both cases would be compared with the same file."""
    cases = [make_case(tmp_path / name, name, STRAIGHT, image=f"{name}/T2.nii.gz") for name in ("a", "b")]
    labels = truth(everywhere(STRAIGHT))
    write_labels(tmp_path / "found" / "T2_hippocampus.nii.gz", labels, STRAIGHT)
    write_labels(tmp_path / "found" / "a.nii.gz", labels, STRAIGHT)
    found = evaluate_predictions(cases, tmp_path / "found")
    assert {row.case for row in found.rows} == {"a"}
    (failure,) = found.failures
    assert failure.case == "b"
    assert "b.nii.gz" in failure.message
    assert "T2" not in failure.message


def test_an_empty_label_map_is_a_result(one_case: Case, tmp_path: Path) -> None:
    write_labels(tmp_path / "found" / "a.nii.gz", np.zeros(STRAIGHT.shape, np.uint8), STRAIGHT)
    found = evaluate_predictions([one_case], tmp_path / "found")
    assert not found.failures
    assert [(row.measures.dice, row.measures.hd95_mm, row.measures.found_mm3) for row in found.rows] == [
        (0, None, 0)
    ] * 2


def other_shape(path: Path) -> None:
    grid = make_view(spacing=(2.0, 2.0, 2.0), fov_mm=90)
    write_labels(path, truth(everywhere(grid)), grid)


def other_place(path: Path) -> None:
    affine = STRAIGHT.affine.copy()
    affine[0, 3] += 2
    write_labels(path, truth(everywhere(STRAIGHT)), Grid(STRAIGHT.shape, affine))


def other_values(path: Path) -> None:
    write_labels(path, truth(everywhere(STRAIGHT)) * np.uint8(17), STRAIGHT)


def probabilities(path: Path) -> None:
    nib.save(nib.Nifti1Image(np.full(STRAIGHT.shape, 0.5, np.float32), STRAIGHT.affine), path)


def damaged(path: Path) -> None:
    path.write_bytes(b"no labels")


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (other_shape, "CaseError", "52 x 52 x 52 voxels, the labels have 45 x 45 x 45"),
        (other_place, "CaseError", "up to 2 mm beside the image"),
        (other_values, "CaseError", "holds the value 17"),
        (probabilities, "CaseError", "holds the value 0.5"),
        (damaged, "VolumeError", "cannot be read"),
    ],
)
def test_label_maps_that_do_not_fit(
    one_case: Case, tmp_path: Path, make: Callable[[Path], None], kind: str, message: str
) -> None:
    (tmp_path / "found").mkdir()
    make(tmp_path / "found" / "a.nii.gz")
    found = evaluate_predictions([one_case], tmp_path / "found")
    assert not found.rows
    (failure,) = found.failures
    assert failure.kind == kind
    assert message in failure.message
    assert "a.nii.gz" in failure.message
    assert failure.remedy


def test_a_folder_that_is_not_there(one_case: Case, tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="absent"):
        evaluate_predictions([one_case], tmp_path / "absent")


def test_axes_that_are_not_at_right_angles_are_noted(tmp_path: Path) -> None:
    affine = STRAIGHT.affine.copy()
    affine[0, 1] = 0.2
    sheared = Grid(STRAIGHT.shape, affine)
    case = make_case(tmp_path / "cases", "a", sheared)
    write_labels(tmp_path / "found" / "a.nii.gz", truth(everywhere(sheared)), sheared)
    found = evaluate_predictions([case], tmp_path / "found")
    assert all("right angles" in "".join(row.warnings) for row in found.rows)


def test_the_four_worst_are_kept(tmp_path: Path) -> None:
    cases = [make_case(tmp_path / "cases", f"c{number}", STRAIGHT) for number in range(6)]
    for number, shift in enumerate((3.0, 0.0, 9.0, 1.0, 5.0, 7.0)):
        write_labels(tmp_path / "found" / f"c{number}.nii.gz", moved(STRAIGHT, (0, shift, 0)), STRAIGHT)
    found = evaluate_predictions(cases, tmp_path / "found")
    assert [example.name for example in found.worst] == ["c2", "c5", "c4", "c0"]


def broken_reference(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def make(labels: np.ndarray) -> np.ndarray:
        made = labels.astype(np.float32)
        made[tuple(np.argwhere(labels == 1)[0])] = value
        return made

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (broken_reference(np.nan), "1 voxel of the labels is not finite"),
        (broken_reference(0.75), "1 voxel of the labels is no whole number"),
    ],
)
def test_references_that_the_preflight_refuses_are_not_measured(
    tmp_path: Path, make: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    cases = [make_case(tmp_path / "cases", name, STRAIGHT) for name in ("a", "b")]
    labels = truth(everywhere(STRAIGHT))
    for case in cases:
        write_labels(tmp_path / "found" / f"{case.name}.nii.gz", labels, STRAIGHT)
    nib.save(nib.Nifti1Image(make(labels), STRAIGHT.affine), cases[0].labels)
    found = evaluate_predictions(cases, tmp_path / "found")
    assert {row.case for row in found.rows} == {"b"}
    (failure,) = found.failures
    assert (failure.case, failure.kind) == ("a", "CaseError")
    assert message in failure.message and "a_labels.nii.gz" in failure.message


def test_references_stored_as_whole_floats_are_measured(one_case: Case, tmp_path: Path) -> None:
    labels = truth(everywhere(STRAIGHT))
    write_labels(tmp_path / "found" / "a.nii.gz", labels, STRAIGHT)
    nib.save(nib.Nifti1Image(labels.astype(np.float32) + np.float32(1e-5), STRAIGHT.affine), one_case.labels)
    assert [row.measures.dice for row in evaluate_predictions([one_case], tmp_path / "found").rows] == [1, 1]


def test_volumes_of_a_sheared_image_are_those_of_its_voxels(tmp_path: Path) -> None:
    affine = STRAIGHT.affine.copy()
    affine[0, 1] = 1.5
    sheared = Grid(STRAIGHT.shape, affine)
    case, labels = make_case(tmp_path / "cases", "a", sheared), truth(everywhere(sheared))
    write_labels(tmp_path / "found" / "a.nii.gz", labels, sheared)
    for row, value in zip(evaluate_predictions([case], tmp_path / "found").rows, (1, 2), strict=True):
        expected = np.count_nonzero(labels == value) * 2.0**3  # shear leaves a volume as it is
        assert row.measures.reference_mm3 == pytest.approx(expected)
        assert row.measures.found_mm3 == pytest.approx(expected)
