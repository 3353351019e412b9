"""Odd places: spaces, other alphabets, long names, folders that may not be written, a full disk.

Each gives the result, or says what is wrong; nothing half-written is left.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import fake_segmentation
import numpy as np
import pytest
from bundle_samples import NAME, make_bundle
from neosegdino.volume import Volume, save_volume

TESTING = Path(__file__).resolve().parents[2]
CLICK = TESTING / "module_samples" / "click_in.py"
LONG = "long " + 39 * "abcde " + "z"
ODD = ["two words  and more", "Früh­gebo\u0308ren 新生児 \U0001f9e0", LONG, "quote'\"$(x);#", "-rf"]
FULL = 2_000
"""Bytes that no file may exceed where the disk is "full": less than any result."""
pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits and permissions are POSIX")
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def bound() -> list[str]:
    """Start of a command line that permissions bind, also if the tests run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root is bound by permissions only with setpriv")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    return folder


def test_the_long_name_is_as_long_as_promised() -> None:
    assert 240 <= len(LONG) <= 255


class TestClick:
    """The jobs' temporary folder is at the odd place."""

    @pytest.fixture
    def click(self) -> Callable[..., list[dict[str, object]]]:
        def click(folders: Sequence[Path], size: int = 0, prefix: Sequence[str] = ()) -> list[dict[str, object]]:
            command = [*prefix, sys.executable, str(CLICK), str(size), *map(str, folders)]
            own = {"PYTHONPATH": str(TESTING), "FAKE_WORKER": "slow"}
            done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

        return click

    @pytest.mark.slow
    def test_odd_names_make_no_difference(self, click: Callable[..., list[dict[str, object]]], tmp_path: Path) -> None:
        folders = [tmp_path / name for name in ODD]
        for folder in folders:
            folder.mkdir()
        assert click(folders) == [{"segments": 2, "message": "", "left": []}] * len(ODD)

    def test_a_folder_that_may_not_be_written_is_told(
        self, click: Callable[..., list[dict[str, object]]], locked: Path, bound: list[str]
    ) -> None:
        (told,) = click([locked], prefix=bound)
        assert (told["segments"], told["left"]) == (0, [])
        assert "temporary folder cannot be used" in str(told["message"])
        assert "choose another temporary folder" in str(told["message"])

    def test_a_full_disk_is_told(self, click: Callable[..., list[dict[str, object]]], tmp_path: Path) -> None:
        (told,) = click([tmp_path], FULL)
        assert (told["segments"], told["left"]) == (0, [])
        assert "Cannot write" in str(told["message"])
        assert "Check the free space" in str(told["message"])


class TestCommandLine:
    """Inputs and results are at the odd place."""

    @pytest.fixture
    def bundle(self, tmp_path: Path) -> Path:
        return make_bundle(tmp_path / "bundles" / NAME).folder

    @pytest.fixture
    def segment(self, environment: dict[str, str], bundle: Path) -> Callable[..., Done]:
        """The command line on a stand-in for the networks; everything else is the package's own."""

        def segment(image: Path, out: Path, prefix: Sequence[str] = (), limit: int = resource.RLIM_INFINITY) -> Done:
            start = [*prefix, sys.executable, fake_segmentation.__file__, "0", "0", "segment"]
            options = ["--bundle", str(bundle), "--progress", "none", "--out", str(out)]
            return subprocess.run(
                [*start, *options, "--", str(image)],
                env=environment,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
                capture_output=True,
                text=True,
                check=False,
            )

        return segment

    @pytest.mark.parametrize("name", ODD[1:4])
    def test_odd_folders_make_no_difference(self, segment: Callable[..., Done], tmp_path: Path, name: str) -> None:
        image = make_image(tmp_path / name / "image 1.nii.gz")
        out = tmp_path / name / "results" / name
        done = segment(image, out)
        assert done.returncode == 0, done.stderr
        parts = ("hippocampus.nii.gz", "report.json", "snapshot.png")
        assert sorted(path.name for path in out.iterdir()) == [f"image 1_{part}" for part in parts]
        assert json.loads((out / "image 1_report.json").read_text(encoding="utf-8"))["input"]["source"] == image.name

    def test_a_name_that_is_too_long_for_its_results_is_told(
        self, segment: Callable[..., Done], tmp_path: Path
    ) -> None:
        image = make_image(tmp_path / f"{LONG[:244]}.nii.gz")
        (tmp_path / "there").mkdir()
        for name in ("there", "not there yet"):
            done = segment(image, tmp_path / name)
            assert done.returncode == 7, done.stderr
            assert "the name is longer than 255 bytes" in done.stderr
            assert "shorter name" in done.stderr
        assert list((tmp_path / "there").iterdir()) == []
        assert not (tmp_path / "not there yet").exists()

    def test_a_folder_that_may_not_be_written_is_told_before_any_work(
        self, segment: Callable[..., Done], tmp_path: Path, locked: Path, bound: list[str]
    ) -> None:
        done = segment(make_image(tmp_path / "image.nii.gz"), locked / "out", bound)
        assert done.returncode == 7
        assert f"{locked} is not a folder that you may write to" in done.stderr
        assert list(locked.iterdir()) == []

    def test_a_full_disk_is_told_and_leaves_nothing(self, segment: Callable[..., Done], tmp_path: Path) -> None:
        image, out = make_image(tmp_path / "image.nii.gz"), tmp_path / "out"
        done = segment(image, out, limit=FULL // 10)
        assert done.returncode == 7, done.stderr
        assert "Cannot write" in done.stderr
        assert "Check the free space" in done.stderr
        assert not out.exists() or list(out.iterdir()) == []


def make_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 500, (32, 28, 24)).astype(np.int16)
    save_volume(path, Volume(values, np.diag([-1.0, 1.1, 1.2, 1.0]), path.name))
    return path
