"""Real pip, in a real environment that stands for Slicer's Python, with a package index on this computer."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from module_samples.wheels import index, make_wheel
from neosegdino.errors import Cancelled, DependencyError
from NeoSegDINOLib import pip_installation
from NeoSegDINOLib.pip_installation import PipInstallation
from NeoSegDINOLib.pip_output import PipOutput


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Folder of the packages of an environment that has what this one has, and into which pip installs."""
    environment = tmp_path / "Slicer with space"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    names = {"base": str(environment), "platbase": str(environment)}
    folder = Path(sysconfig.get_path("purelib", "venv", vars=names))
    (folder / "theirs.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = Path(sysconfig.get_path("scripts", "venv", vars=names)) / Path(sys.executable).name
    monkeypatch.setattr(pip_installation, "python_program", lambda: str(python))
    for name in ("PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return folder


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Folder of wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


def contents(site: Path) -> set[str]:
    return {path.name for path in site.iterdir()}


def install(slicer_scene, calls, held="", seconds=60):
    installation = PipInstallation(calls, held)
    installation.start()
    slicer_scene.wait_for(lambda: not installation.running, seconds)
    return installation


def test_packages_are_installed_one_call_after_the_other(slicer_scene, site, wheels, monkeypatch):
    make_wheel(wheels, "neo_first", "1.2", ("neo_second>=2",))
    make_wheel(wheels, "neo_second", "2.0")
    make_wheel(wheels, "neo_alone", "3.0", ("never_to_be_had>=1",))
    with index(wheels) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        done = install(slicer_scene, [["neo_first>=1,<2"], ["--no-deps", "neo_alone>=3"]])
    assert done.error is None, done.output.log()
    assert {"neo_first", "neo_second", "neo_alone"} <= contents(site)
    assert "Downloading neo_first-1.2-py3-none-any.whl" in done.output.log()
    assert "Progress" not in done.output.log()
    assert done.output.writing


def test_what_is_held_is_not_changed_and_pip_says_why(slicer_scene, site, wheels, monkeypatch):
    make_wheel(wheels, "neo_held", "1.0")
    make_wheel(wheels, "neo_held", "2.0")
    make_wheel(wheels, "neo_new", "1.0", ("neo_held>=2",))
    with index(wheels) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        assert install(slicer_scene, [["neo_held==1.0"]]).error is None
        before = contents(site)
        done = install(slicer_scene, [["neo_new"]], "neo_held==1.0\n")
    assert isinstance(done.error, DependencyError)
    assert "conflict" in done.output.log()
    assert contents(site) == before


def test_cancelled_in_mid_download_leaves_the_environment_as_it_was(slicer_scene, site, wheels, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)  # as before the first installation
    make_wheel(wheels, "neo_slow", "1.0")
    before = contents(site)
    with index(wheels, stalls=True) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        installation = PipInstallation([["neo_slow"]], "")
        installation.start()
        slicer_scene.wait_for(lambda: installation.output.percent, 30)
        assert installation.output.text.startswith("Downloading neo_slow 1.0 (")
        assert 0 < installation.output.percent < 100
        assert installation.cancel()
        slicer_scene.wait_for(lambda: not installation.running)
    assert isinstance(installation.error, Cancelled)
    assert contents(site) == before


def test_without_network_the_error_says_so(slicer_scene, site, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    done = install(slicer_scene, [["neo_first"]])
    assert isinstance(done.error, DependencyError)
    assert "No matching distribution found for neo_first" in done.error.message
    assert "network" in done.error.remedy


def test_pips_lines_in_words():
    output = PipOutput()
    for line in (
        "Collecting nibabel<6,>=5.2 (from -r x)",
        "  Downloading a/nibabel-5.4.2-py3-none-any.whl.metadata (9 kB)",
    ):
        output.add(line)
    assert output.text == "Downloading nibabel 5.4.2 (9 kB)"
    output.add("Progress 512 of 2048")
    assert output.percent == 25
    output.add("Progress 512 of 0")
    assert output.percent is None
    output.add("ERROR: first")
    output.add("ERROR: second")
    output.add("a notice")
    assert output.last_error() == "second"
    assert PipOutput().last_error() == "pip left no message"
