from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from neosegdino.bundle import Bundle
from neosegdino.cases.case import Case
from neosegdino.errors import TrainingError, VolumeError
from neosegdino.training.estimate import Estimate, estimate
from neosegdino.training.feature_cache import FeatureCache
from neosegdino.training.finetune import finetune
from neosegdino.training.run_folder import RunFolder
from training_cases import make_cases, quick

SEVERAL = {"windows": "all", "window": (16, 16, 16)}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return make_cases(tmp_path_factory.mktemp("cases"), 3)


def test_figures_are_positive_and_counts_are_right(tiny: Bundle, cases: list[Case]) -> None:
    found = estimate(cases[:2], cases[2:], quick(tiny.folder, epochs=50))
    assert found.seconds > 0 and found.feature_bytes > 0
    assert 50e6 < found.memory_bytes < 50e9
    assert (found.training_cases, found.validation_cases) == (2, 1)
    assert "Cases to train on: 2, to validate: 1." in found.text()
    assert found.device in found.text()


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({"views": 2, "epochs": 3}, 0.03),
        ({"views": 5, "epochs": 2}, 0.03),
        ({"views": 0, "epochs": 2}, 0.03),
        (SEVERAL | {"counts": (2, 1, 1), "views": 2, "epochs": 2}, 0.03),
        (SEVERAL | {"views": 2, "epochs": 2}, 0.15),  # classes are counted by windows, which reach beyond the head
    ],
)
def test_disk_space_is_what_a_run_then_takes(
    tiny: Bundle, cases: list[Case], tmp_path: Path, changes: dict[str, Any], tolerance: float
) -> None:
    settings = quick(tiny.folder, **changes)
    said = estimate(cases[:2], cases[2:], settings).feature_bytes
    run = RunFolder(tmp_path / "run")
    finetune(cases[:2], cases[2:], settings, run.folder)
    assert said == pytest.approx(FeatureCache(run.features, 0).bytes(), rel=tolerance)


def test_all_windows_take_more_than_one(tiny: Bundle, cases: list[Case]) -> None:
    one, many = (
        estimate(cases, [], quick(tiny.folder, window=(16, 16, 16), windows=windows, epochs=40))
        for windows in ("located", "all")
    )
    assert many.feature_bytes > 10 * one.feature_bytes
    assert many.seconds > 3 * one.seconds


def test_more_epochs_take_longer_but_no_more_space_than_their_views(tiny: Bundle, cases: list[Case]) -> None:
    few, many = (estimate(cases, [], quick(tiny.folder, views=4, epochs=epochs)) for epochs in (4, 400))
    assert many.seconds > 5 * few.seconds
    assert many.feature_bytes == few.feature_bytes
    assert estimate(cases, [], quick(tiny.folder, views=4, epochs=2)).feature_bytes == few.feature_bytes / 2
    assert estimate(cases, [], quick(tiny.folder, views=0, epochs=4)).feature_bytes == 0


def test_refuses_what_a_run_would_refuse(tiny: Bundle, cases: list[Case], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="counts"):
        estimate(cases, [], quick(tiny.folder, arms="per-window"))
    lost = Case("lost", str(tmp_path / "lost.nii"), cases[0].labels, "s")
    with pytest.raises(VolumeError, match=r"lost\.nii"):
        estimate([lost], [], quick(tiny.folder))


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.2, "1 s"), (89, "89 s"), (91, "2 min"), (3600, "60 min"), (9000, "2.5 h")]
)
def test_durations_are_told_in_a_fitting_unit(seconds: float, text: str) -> None:
    said = Estimate(seconds, 2_500_000_000, 0, "CPU", 3, 1).text()
    assert f"About {text} for all epochs, 2.5 GB of memory (CPU" in said
    assert "1.0 GB of cached features" in Estimate(seconds, 10**9, 10**9, "CPU", 3, 1).text()
