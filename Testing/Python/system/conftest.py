from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import neosegdino
import pytest

PACKAGE = Path(neosegdino.__file__).parents[1]
HELPERS = Path(__file__).parents[1] / "neosegdino"
sys.path += [str(HELPERS), str(HELPERS / "training")]  # the makers of bundles, images and recipes are there


@pytest.fixture
def accuracy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark of real images, which imports the one of robustness beside it."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import accuracy

    return accuracy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user of their own, who has the package and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    own = {"HOME": str(home), "LOCALAPPDATA": str(home), "PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in ("NEOSEGDINO_MODELS", *own)}
    return kept | own


@pytest.fixture
def neosegdino_command(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a runner of the command line as a user types it."""

    def run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "neosegdino", *map(str, arguments)]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=timeout
        )

    return run


@pytest.fixture
def started(environment: dict[str, str]) -> Iterator[Callable[[list[str]], subprocess.Popen[bytes]]]:
    """Return a starter of processes, which are ended after the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(command: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
