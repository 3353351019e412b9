"""The shipped bundle on real images, which lie beside the checkout where they are at all."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest
from neosegdino.volume import save_volume

pytestmark = pytest.mark.slow
DATA = Path(__file__).parents[4] / "shared" / "data"
INFANTS = ("Template-Month0-T1w", "Template-Month0-T2w", "sub-0008_ses-V01_T1w")
Run = Callable[..., subprocess.CompletedProcess[str]]


def existing(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"the real image is not beside the checkout ({path.name})")
    return path


@pytest.mark.parametrize("name", INFANTS)
def test_both_hippocampi_of_an_infant(neosegdino_command: Run, tmp_path: Path, name: str) -> None:
    image = existing(DATA / "infant-images" / f"{name}.nii.gz")
    done = neosegdino_command("segment", image, "--out", tmp_path / "out", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / f"{name}_report.json").read_text())
    left, right = report["hippocampus"]
    assert 0.5 <= left["volume_ml"] <= 3 and 0.5 <= right["volume_ml"] <= 3
    assert left["centroid_ras"][0] < right["centroid_ras"][0]
    assert 20 < np.linalg.norm(np.subtract(left["centroid_ras"], right["centroid_ras"])) < 50
    assert any(warning.startswith("Orientation conflict") for warning in report["warnings"])  # these files' headers
    labels = nib.load(tmp_path / "out" / f"{name}_hippocampus.nii.gz")
    assert labels.shape == nib.load(image).shape
    assert (tmp_path / "out" / f"{name}_snapshot.png").stat().st_size > 50_000


def test_an_adult_shown_at_newborn_size(neosegdino_command: Run, accuracy: ModuleType, tmp_path: Path) -> None:
    volume, truth = accuracy.adult_at_newborn_size(existing(DATA / "adult-t1" / "test_scan.npz"))
    save_volume(tmp_path / "adult.nii.gz", volume)
    done = neosegdino_command("segment", tmp_path / "adult.nii.gz", "--out", tmp_path / "out", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    labels = np.asarray(nib.load(tmp_path / "out" / "adult_hippocampus.nii.gz").dataobj)
    assert min(accuracy.dice(labels, truth)) >= 0.75
    assert "Orientation conflict" not in (tmp_path / "out" / "adult_report.json").read_text()
