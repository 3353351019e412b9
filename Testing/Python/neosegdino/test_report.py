from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_samples import make_bundle
from neosegdino import __version__, report
from neosegdino.bundle import Bundle
from neosegdino.device import resolve
from neosegdino.flags import MEANINGS, Flag
from neosegdino.volume import Volume
from numpy.typing import NDArray

SHAPE = (40, 40, 40)
LEFT, RIGHT = 1, 2


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundle") / "sample-bundle")


def labels_with(left: int = 10, right: int = 10) -> NDArray[np.uint8]:
    """Cubes of the given edges in voxels; the array's first axis runs to the right."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[5 : 5 + left, 5 : 5 + left, 5 : 5 + left] = LEFT
    labels[22 : 22 + right, 5 : 5 + right, 5 : 5 + right] = RIGHT
    return labels


def build(bundle: Bundle, labels: NDArray[np.uint8], affine: Any = None, **changes: Any) -> dict[str, Any]:
    volume = Volume(np.zeros(SHAPE, np.int16), np.eye(4) if affine is None else affine, "head.nii.gz", ("A note.",))
    values: dict[str, Any] = {
        "windows_used": "located",
        "device": resolve("cpu"),
        "timings": {"encode": 1.23456},
        "mean_confidence": {LEFT: 0.9, RIGHT: 0.8},
        "removed": {LEFT: 2},
    }
    return report.build(volume, labels, bundle, **(values | changes))


def test_report_is_json_and_complete(bundle: Bundle) -> None:
    made = json.loads(json.dumps(build(bundle, labels_with())))
    assert made["schema"] == "neosegdino-report/1"
    assert made["neosegdino"] == __version__
    assert made["bundle"] == {"name": "sample-bundle", "version": "1.0.0", "sha256": bundle.sha256}
    assert made["input"]["source"] == "head.nii.gz"
    assert made["input"]["axis_codes"] == ["R", "A", "S"]
    assert made["hippocampus"][0] == {
        "label": LEFT,
        "side": "left",
        "name": "Left Hippocampus",
        "volume_mm3": 1000.0,
        "volume_ml": 1.0,
        "centroid_ras": [9.5, 9.5, 9.5],
        "confidence": 0.9,
        "components_removed": 2,
    }
    assert made["windows"] == {"mode": "located", "size": [32, 32, 32], "located": None}
    assert made["timings_s"] == {"encode": 1.235}
    assert made["versions"]["torch"]
    assert made["research_use"].startswith("Research use only")
    assert datetime.fromisoformat(made["date"]).tzinfo is not None
    assert (made["age"], made["edited"]) == (None, False)


def test_warnings_of_volume_device_and_run_come_first_and_once(bundle: Bundle) -> None:
    made = build(bundle, labels_with(), notes=(Flag("input", "A note."), Flag("memory", "The batch was halved.")))
    assert made["warnings"] == ["A note.", "The batch was halved."]
    assert [flag["code"] for flag in made["flags"]] == ["input", "memory"]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (6, 6, ["left hippocampus has 0.22 ml, outside 0.3 to 3 ml", "right hippocampus has 0.22 ml"]),
        (15, 14, ["left hippocampus has 3.38 ml"]),
        (8, 10, ["differ by 65% of their mean, more than 30%"]),
        (0, 10, ["The left hippocampus was not found."]),
        (0, 0, ["The left hippocampus was not found.", "The right hippocampus was not found."]),
        (10, 11, []),
    ],
)
def test_implausible_volumes_are_flagged(bundle: Bundle, left: int, right: int, expected: list[str]) -> None:
    warnings = build(bundle, labels_with(left, right))["warnings"][1:]
    assert len(warnings) == len(expected)
    for warning, part in zip(warnings, expected, strict=True):
        assert part in warning
        assert "not found" in warning or "not a clinical reference range" in warning


def test_empty_side_has_no_place_and_no_confidence(bundle: Bundle) -> None:
    row = build(bundle, labels_with(left=0), mean_confidence={RIGHT: 0.5})["hippocampus"][0]
    assert (row["volume_mm3"], row["centroid_ras"], row["confidence"]) == (0.0, None, None)


def test_swapped_sides_are_flagged_by_place_not_by_array_order(bundle: Bundle) -> None:
    flipped = np.diag([-1.0, 1.0, 1.0, 1.0])
    assert any("Sides in doubt" in warning for warning in build(bundle, labels_with(), flipped)["warnings"])
    swapped = np.choose(labels_with(), [0, RIGHT, LEFT]).astype(np.uint8)
    assert any("Sides in doubt" in warning for warning in build(bundle, swapped)["warnings"])
    assert build(bundle, swapped, flipped)["warnings"] == ["A note."]


def test_hippocampus_at_the_border_is_flagged(bundle: Bundle) -> None:
    labels = np.roll(labels_with(), -5, axis=2)
    warnings = build(bundle, labels)["warnings"]
    assert sum("touches the border" in warning for warning in warnings) == 2


def test_versions_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_PACKAGES", ("numpy", "no-such-package"))
    found = report.versions()
    assert found["numpy"] == np.__version__
    assert found["no-such-package"] is None


def test_asymmetry_is_signed_towards_the_right(bundle: Bundle) -> None:
    assert build(bundle, labels_with(9, 10))["asymmetry"] == pytest.approx(2 * (1000 - 729) / 1729, abs=1e-3)


def test_bundle_is_identified_by_its_description(bundle: Bundle, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "sample-bundle", version="1.0.1")
    assert other.sha256 != bundle.sha256


def test_every_flag_has_a_code_with_a_meaning_and_its_sentence_is_a_warning(bundle: Bundle) -> None:
    made = build(bundle, np.roll(labels_with(6, 0), -5, axis=2), removed={LEFT: 4}, mean_confidence={LEFT: 0.5})
    codes = [flag["code"] for flag in made["flags"]]
    assert codes == ["input", "volume-range", "not-found", "low-confidence", "components-removed", "border-image"]
    assert set(codes) <= set(MEANINGS)
    assert made["warnings"] == [flag["message"] for flag in made["flags"]]


def test_an_age_brings_its_published_volumes_and_a_flag_outside_the_models_range(tmp_path: Path) -> None:
    narrow = make_bundle(tmp_path / "sample-bundle", age_weeks=(30.0, 53.0))
    inside, outside = (build(narrow, labels_with(), age_weeks=weeks) for weeks in (36.0, 60.0))
    assert inside["age"]["published"][0]["left_ml"] == 1.13
    assert inside["warnings"] == ["A note."]
    assert outside["age"] == {"weeks": 60.0, "published": [], "note": None}
    assert outside["flags"][-1]["code"] == "age-range"


def test_edited_figures_are_measured_again_and_old_findings_of_the_outline_are_gone(bundle: Bundle) -> None:
    made = build(bundle, labels_with(6, 10), removed={LEFT: 4}, mean_confidence={LEFT: 0.5})
    again = report.edited(made, {LEFT: 900.0, RIGHT: 1000.0})
    left, right = again["hippocampus"]
    assert (left["volume_ml"], right["volume_ml"]) == (0.9, 1.0)
    assert (left["confidence"], left["components_removed"], left["centroid_ras"]) == (None, 0, None)
    assert again["asymmetry"] == pytest.approx(100 / 950, abs=1e-4)
    assert [flag["code"] for flag in again["flags"]] == ["edited", "input"]
    assert made["edited"] is False
    assert made["hippocampus"][0]["confidence"] == 0.5
    assert [flag["code"] for flag in report.edited(again, {LEFT: 1.0})["flags"]][:2] == ["edited", "input"]
    json.dumps(again)
