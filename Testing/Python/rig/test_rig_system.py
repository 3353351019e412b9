"""The check of the system's libraries needs nothing but Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from rig import system

TESTING = Path(__file__).resolve().parents[2]


def test_runs_in_a_bare_interpreter():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "rig.system"], cwd=TESTING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "All system libraries" in done.stdout


def test_imports_nothing_but_the_standard_library():
    code = "import sys, rig.system; sys.exit(any(m.split('.')[0] in ('PySide6', 'slicer', 'vtk') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=TESTING, check=False).returncode == 0


@pytest.fixture
def without_egl(monkeypatch):
    monkeypatch.setattr(system, "LIBRARIES", {"libNoSuchLibrary.so.9": "libegl1"})
    monkeypatch.setattr(sys, "platform", "linux")


def test_missing_library_is_named(without_egl, capsys):
    assert system.missing_packages() == ["libegl1"]
    assert system.main([]) == 1
    assert "apt-get install" in capsys.readouterr().err
    with pytest.raises(system.MissingLibrariesError, match="libegl1"):
        system.require()


def test_user_is_told_what_to_type(without_egl, monkeypatch, capsys):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert system.main(["--install"]) == 1
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends libegl1" in capsys.readouterr().err


def test_root_installs(without_egl, monkeypatch):
    commands = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", lambda command, **_options: commands.append(command))
    assert system.main(["--install"]) == 0
    assert [command[1] for command in commands] == ["update", "install"]
    assert commands[1][-1] == "libegl1"


def test_missing_font_is_a_package(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(system, "_has_fonts", lambda: False)
    assert system.FONT_PACKAGE in system.missing_packages()
