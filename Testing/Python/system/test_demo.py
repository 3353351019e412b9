"""What the README promises of ``make demo``, ``make picture`` and the Makefile's first step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SAMPLE = REPOSITORY / "NeoSegDINO" / "Resources" / "SampleData" / "SyntheticNewborn-T2w.nii.gz"
PNG = b"\x89PNG\r\n"


def run_demo(*arguments: object) -> str:
    paths = os.pathsep.join(str(REPOSITORY / folder) for folder in ("Testing", "NeoSegDINO"))
    done = subprocess.run(
        [sys.executable, "-m", "rig.demo", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_demo_writes_labels_report_scene_and_picture(tmp_path: Path) -> None:
    said = run_demo(tmp_path / "demo")
    names = {path.name.removeprefix("SyntheticNewborn-T2w_"): path for path in (tmp_path / "demo").iterdir()}
    assert set(names) == {"hippocampus.nii.gz", "report.json", "scene.mrb", "window.png"}
    assert all(str(path) in said for path in names.values())

    labels, sample = nib.load(names["hippocampus.nii.gz"]), nib.load(SAMPLE)
    assert labels.shape == sample.shape
    np.testing.assert_allclose(labels.affine, sample.affine, atol=1e-4)
    voxels = np.asarray(labels.dataobj)
    report = json.loads(names["report.json"].read_text(encoding="utf-8"))
    for row in report["hippocampus"]:
        volume = np.count_nonzero(voxels == row["label"]) * np.prod(sample.header.get_zooms())
        assert volume == pytest.approx(row["volume_mm3"], rel=1e-3)
        assert volume > 300

    with zipfile.ZipFile(names["scene.mrb"]) as scene:
        assert any(name.endswith(".seg.nrrd") for name in scene.namelist())
    assert names["window.png"].read_bytes().startswith(PNG)


def test_too_old_a_python_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.1" && exit 0\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", "demo", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Python 3.9.1" in done.stderr
    assert "make demo PYTHON=python3.12" in done.stderr
    assert not (tmp_path / "venv").exists()
