from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_segmentation
import nibabel as nib
import numpy as np
import psutil
import pytest
from bundle_samples import NAME, make_bundle, zip_folder
from neosegdino.files import sha256
from neosegdino.volume import Volume, save_volume

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[[list[str]], "subprocess.Popen[bytes]"]
posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

PARENT = """
import subprocess, sys, time
worker = subprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], "wb"), stderr=subprocess.STDOUT)
print(worker.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "new born" / "sub-01_T2w.nii.gz"
    path.parent.mkdir()
    values = np.random.default_rng(0).integers(0, 500, (32, 28, 24)).astype(np.int16)
    save_volume(path, Volume(values, np.diag([-1.0, 1.1, 1.2, 1.0]), path.name))
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundles" / NAME).folder


def command_with_stand_in(step_s: float, *arguments: object, drawing_s: float = 0.0) -> list[str]:
    """The command line on a segmentation whose steps, and whose drawing, take a known time."""
    return [sys.executable, fake_segmentation.__file__, str(step_s), str(drawing_s), *map(str, arguments)]


def next_event(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    event: dict[str, Any] = json.loads(process.stdout.readline())
    return event


def test_version_and_help(neosegdino_command: Run) -> None:
    assert neosegdino_command("--version").stdout.startswith("neosegdino, version ")
    assert "Exit codes:" in neosegdino_command("--help").stdout
    assert neosegdino_command("segment").returncode == 2


def test_bundle_is_installed_listed_and_verified_and_unknown_names_are_errors(
    neosegdino_command: Run, bundle: Path, tmp_path: Path
) -> None:
    archive = zip_folder(bundle, tmp_path / "bundle.zip")
    assert neosegdino_command("models", "install", archive).returncode == 0
    assert NAME in neosegdino_command("models", "list").stdout
    assert neosegdino_command("models", "verify", NAME).returncode == 0
    assert neosegdino_command("models", "install", archive).returncode == 4
    missing = neosegdino_command("models", "show", "absent")
    assert (missing.returncode, missing.stdout) == (4, "")
    assert missing.stderr.startswith("Error: No model bundle named 'absent'")
    assert "\n  Remedy: Installed: " in missing.stderr


def test_doctor_speaks_json_and_says_whether_it_works(neosegdino_command: Run, bundle: Path) -> None:
    assert neosegdino_command("models", "install", bundle).returncode == 0
    done = neosegdino_command("doctor", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode == 0) == found["ready"]
    assert found["device"]["line"]
    assert NAME in [row["name"] for row in found["bundles"]]


def test_missing_input_is_an_error_with_remedy(neosegdino_command: Run, bundle: Path, tmp_path: Path) -> None:
    done = neosegdino_command("segment", "absent.nii.gz", "--out", "out", "--bundle", bundle)
    assert done.returncode == 3
    assert "Error: absent.nii.gz: there is no such file." in done.stderr
    assert not (tmp_path / "out").exists()


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_cancels_cleanly(started: Start, image: Path, bundle: Path, tmp_path: Path, number: int) -> None:
    out = tmp_path / "out"
    command = command_with_stand_in(0.5, "segment", image, "--out", out, "--bundle", bundle, "--progress", "json")
    worker = started(command)
    assert next_event(worker)["event"] == "progress"
    worker.send_signal(number)
    output, errors = worker.communicate(timeout=60)
    assert worker.returncode == 130
    last = json.loads(output.splitlines()[-1])
    assert (last["kind"], last["exit_code"]) == ("Cancelled", 130)
    assert errors.startswith(b"Error: Cancelled")
    assert not out.exists()


@posix
def test_killed_run_leaves_nothing_half_made(started: Start, image: Path, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = command_with_stand_in(0.5, "segment", image, "--out", out, "--bundle", bundle, "--progress", "json")
    worker = started(command)
    assert next_event(worker)["event"] == "progress"
    worker.kill()
    worker.communicate(timeout=60)
    assert not out.exists() or list(out.iterdir()) == []


@posix
def test_run_killed_while_writing_shows_no_result_and_the_next_run_tidies_up(
    started: Start, image: Path, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("segment", image, "--out", out, "--bundle", bundle, "--progress", "json")
    worker = started(command_with_stand_in(0.0, *options, drawing_s=600))
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.*/*_hippocampus.nii.gz")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    worker.kill()
    worker.communicate(timeout=60)
    assert list(out.glob("*.*")) == list(out.glob(".neosegdino-*"))
    assert started(command_with_stand_in(0.0, *options)).wait(timeout=60) == 0
    parts = ("hippocampus.nii.gz", "report.json", "snapshot.png")
    assert sorted(path.name for path in out.iterdir()) == [f"sub-01_T2w_{part}" for part in parts]


@posix
def test_worker_ends_with_its_parent(started: Start, image: Path, bundle: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "out", tmp_path / "told.txt"
    command = command_with_stand_in(1.0, "segment", image, "--out", out, "--bundle", bundle, "--progress", "json")
    parent = started([sys.executable, "-c", PARENT, str(told), *command])
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    deadline = time.monotonic() + 60
    while b'"progress"' not in told.read_bytes():
        assert time.monotonic() < deadline
        assert worker.is_running()
        time.sleep(0.05)
    parent.kill()
    gone, alive = psutil.wait_procs([worker], timeout=20)
    assert (gone, alive) == ([worker], [])
    assert b'"Cancelled"' in told.read_bytes()
    assert not out.exists()


@pytest.mark.slow
def test_a_real_segmentation_from_start_to_files(neosegdino_command: Run, image: Path, tmp_path: Path) -> None:
    """With random weights: what comes out is no hippocampus, but it has to be a whole, true account of the run."""
    from tiny_bundle import make_tiny_bundle

    folder = make_tiny_bundle(tmp_path / "tiny")
    options = ("--bundle", folder, "--windows", "all", "--device", "cpu", "--confidence", "--progress", "json")
    done = neosegdino_command("segment", image, "--out", tmp_path / "out", *options)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    fractions = [event["fraction"] for event in told if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    output = told[-1]["output"]
    labels = nib.load(output["labels"])
    assert labels.shape == nib.load(image).shape
    np.testing.assert_allclose(labels.affine, nib.load(image).affine, atol=1e-5)
    counts = np.bincount(np.asarray(labels.dataobj).ravel(), minlength=3)
    voxel = abs(np.linalg.det(labels.affine))
    for row in output["summary"]:
        assert row["volume_mm3"] == pytest.approx(counts[row["label"]] * voxel, abs=0.01)
    confidence = np.asarray(nib.load(output["confidence"]).dataobj)
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    report = json.loads(Path(output["report"]).read_text(encoding="utf-8"))
    assert report["input"]["sha256"] == sha256(image)
    assert report["windows"]["mode"] == "all"
    assert report["device"]["name"] == "cpu"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"sub-01_T2w_{part}" for part in ("confidence.nii.gz", "hippocampus.nii.gz", "report.json", "snapshot.png")
    ]
