"""Two Slicers at once, real processes that share the user's settings and the temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[2]
SCRIPT = TESTING / "module_samples" / "second_slicer.py"


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
