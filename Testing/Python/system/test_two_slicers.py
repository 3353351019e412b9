"""Two Slicers at once, real processes that share the user's settings and the temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from module_samples.bundle import write_description
from neosegdino.bundle import load_bundle

TESTING = Path(__file__).resolve().parents[2]
SCRIPT = TESTING / "module_samples" / "second_slicer.py"
INSTALLING = TESTING / "module_samples" / "installing_slicer.py"
TURNS = 10


@pytest.fixture
def slicer(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a Slicer whose worker waits for the file `go`; both share settings and temporary folder."""
    for name in ("settings", "temporary", "models"):
        (tmp_path / name).mkdir()
    running = []

    def start(go: Path, volumes: int) -> subprocess.Popen[str]:
        own = {
            "TMPDIR": str(tmp_path / "temporary"),
            "PYTHONPATH": str(TESTING),
            "FAKE_WORKER": "waits",
            "FAKE_WORKER_GO": str(go),
        }
        command = [sys.executable, str(SCRIPT), str(tmp_path / "settings"), str(volumes)]
        process = subprocess.Popen(command, env=os.environ | own, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the shared temporary folder is named by TMPDIR")
def test_neither_removes_what_the_other_works_with(
    slicer: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    temporary, go_first, go_second = tmp_path / "temporary", tmp_path / "first", tmp_path / "second"
    first, second = slicer(go_first, 1), slicer(go_second, 2)
    assert line(first) == "begun"
    (mine,) = temporary.glob(f"neosegdino-job-*-{first.pid}-*")
    before = sorted(mine.iterdir())
    assert before
    go_second.touch()
    assert [line(second) for _ in range(4)] == ["begun", "ended well", "begun", "ended well"]
    assert sorted(mine.iterdir()) == before
    go_first.touch()
    assert line(first) == "ended well"
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert list(temporary.glob("neosegdino-*")) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the shared temporary folder is named by TMPDIR")
def test_what_a_killed_slicer_left_is_removed_by_the_next(
    slicer: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    temporary, never, go = tmp_path / "temporary", tmp_path / "never", tmp_path / "go"
    killed = slicer(never, 1)
    assert line(killed) == "begun"
    killed.kill()
    killed.wait(60)
    assert len(list(temporary.glob("neosegdino-job-*"))) == 1
    go.touch()
    after = slicer(go, 1)
    assert [line(after), line(after)] == ["begun", "ended well"]
    assert after.wait(60) == 0
    assert list(temporary.glob("neosegdino-job-*")) == []


def model_file(folder: Path, name: str, title: str) -> str:
    """A model as it is handed on; its file is called as its title."""
    described = write_description(
        folder / title / "described", name, title, {"encoder.safetensors": os.urandom(2_000_000)}
    )
    return shutil.make_archive(str(folder / title), "zip", described)


@pytest.mark.slow
def test_two_that_install_models_and_choose_the_default_at_once_end_with_whole_ones(tmp_path: Path) -> None:
    models, files, settings = (tmp_path / name for name in ("models", "files", "settings"))
    for folder in (models, files, settings):
        folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(TESTING), "NEOSEGDINO_MODELS": str(models)}
    running = []
    for name in ("one", "two"):
        shared, own = model_file(files, "shared", f"Shared of {name}"), model_file(files, name, f"Own of {name}")
        command = [sys.executable, str(INSTALLING), str(settings), shared, own, str(TURNS)]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
    try:
        assert [line(process) for process in running] == ["open", "open"]
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate(timeout=120) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [(process.returncode, out) for process, (out, _error) in zip(running, told, strict=True)] == [
        (0, "ended\n"),
        (0, "ended\n"),
    ], told
    assert {path.name for path in models.iterdir()} == {".lock", "one", "two", "shared"}
    titles = {name: load_bundle(models / name).spec.title for name in ("one", "two", "shared")}
    assert titles.pop("shared") in ("Shared of one", "Shared of two")
    assert titles == {"one": "Own of one", "two": "Own of two"}
    (kept,) = settings.rglob("*.ini")
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert len({"DefaultModel=one", "DefaultModel=two"} & set(lines)) == 1
    for name in ("one", "two"):
        assert {f"Own%20of%20{name}-{turn}={turn}" for turn in range(TURNS)} <= set(lines)
