"""Fixtures for the tests of the Slicer side; a folder's conftest imports those that it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from neosegdino.bundle_store import DEFAULT
from NeoSegDINOLib import detached, install, job_folder, pip_installation, process, readiness, remembered_run

from module_samples import fake_worker as fake_worker_script
from module_samples.bundle import write_description
from module_samples.leaks import soon_gone

TESTS = Path(__file__).resolve().parent.parent / "Python"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of bundles: the default one and another."""
    root = tmp_path / "models"
    write_description(root, DEFAULT, "Starter")
    write_description(root, "other", "Another model")
    monkeypatch.setenv("NEOSEGDINO_MODELS", str(root))
    return root


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one whole bundle of small random networks, with which the real worker segments."""
    root = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(TESTS / "neosegdino"))
        from tiny_bundle import make_tiny_bundle

        make_tiny_bundle(root / "tiny")
    return root


@pytest.fixture
def real_worker(tiny_models: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the real worker find the small bundle; returns its name."""
    monkeypatch.setenv("NEOSEGDINO_MODELS", str(tiny_models))
    return "tiny"


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which jobs make theirs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(job_folder.tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def fake_worker(models: Path, jobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Replace the worker by one that does what the given word says; returns the file with its process numbers."""
    pids = tmp_path / "pids.txt"

    def use(what: str) -> Path:
        monkeypatch.setenv("FAKE_WORKER", what)
        monkeypatch.setenv("FAKE_WORKER_PIDS", str(pids))
        monkeypatch.setattr(process, "worker_program", lambda: [sys.executable, fake_worker_script.__file__])
        return pids

    return use


FAKE_FINETUNE = Path(__file__).with_name("fake_finetune.py")


@pytest.fixture
def runs(slicer_scene: object) -> Iterator[None]:
    """Forget the remembered run, and kill the workers of runs that a test has left."""
    remembered_run.forget()
    yield
    remembered_run.forget()
    for worker in detached._started:
        process.end_tree(worker)
        worker.wait(10)


@pytest.fixture
def fake_finetune(models: Path, runs: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replace the fine-tuning worker by one that behaves as the given word says."""

    def use(how: str) -> None:
        monkeypatch.setenv("FAKE_FINETUNE", how)
        monkeypatch.setenv("FAKE_FINETUNE_BUNDLE", str(models / DEFAULT))
        monkeypatch.setattr(process, "worker_program", lambda: [sys.executable, str(FAKE_FINETUNE)])

    return use


FAKE_PIP = Path(__file__).with_name("fake_pip.py")


@pytest.fixture
def fake_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Replace Slicer's Python, for pip, by one that ends as the given word says; returns the file of its calls."""
    calls = tmp_path / "pip.jsonl"
    program = tmp_path / "PythonSlicer"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE_PIP}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)

    def use(how: str) -> Path:
        monkeypatch.setenv("FAKE_PIP", how)
        monkeypatch.setenv("FAKE_PIP_CALLS", str(calls))
        monkeypatch.setattr(pip_installation, "python_program", lambda: str(program))
        return calls

    return use


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Pretend that packages are missing; returns the set of their names, which a test may empty."""

    def pretend(*names: str) -> set[str]:
        gone, real = set(names), install.installed_version
        monkeypatch.setattr(install, "installed_version", lambda name: None if name in gone else real(name))
        monkeypatch.setattr(readiness, "installed_version", install.installed_version)
        return gone

    return pretend


def nothing_left(pids: Path, jobs: Path) -> bool:
    """Whether no process of a hanging worker runs any more, but for moments, and no file of its job is left."""
    return all(soon_gone(int(word)) for word in pids.read_text().split()[:2]) and not list(jobs.iterdir())
