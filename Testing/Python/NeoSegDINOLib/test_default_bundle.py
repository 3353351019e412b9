"""The default model in Slicer's settings, which several Slicers share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import slicer
from neosegdino.errors import CaseError
from NeoSegDINOLib import default_bundle
from NeoSegDINOLib.bundles import bundle_choices
from NeoSegDINOLib.console_run import start_run

REPOSITORY = Path(__file__).resolve().parents[3]
TURNS = 40
SLICER = """
import sys
import rig
rig.boot()
from PySide6 import QtCore
import slicer
from NeoSegDINOLib.default_bundle import set_default_bundle
QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, sys.argv[1])
for turn in range(int(sys.argv[3])):
    slicer.app.userSettings().setValue(f"Others/{sys.argv[2]}-{turn}", turn)
    set_default_bundle(f"{sys.argv[2]}-{turn}")
"""


@pytest.fixture(autouse=True)
def no_default():
    slicer.app.userSettings().remove(default_bundle.KEY)
    yield
    slicer.app.userSettings().remove(default_bundle.KEY)


def test_shipped_unless_another_one_was_set(slicer_scene):
    assert default_bundle.default_bundle() == ""
    default_bundle.set_default_bundle("other")
    assert default_bundle.default_bundle() == "other"
    default_bundle.set_default_bundle("")
    assert not slicer.app.userSettings().contains(default_bundle.KEY)


def test_it_comes_first_and_the_shipped_one_by_name(slicer_scene, models):
    default_bundle.set_default_bundle("other")
    choices = bundle_choices()
    assert choices[0] == ("", "Another model (1.0)")
    assert ("neonatal-starter", "Starter (1.0)") in choices[1:]


def test_one_that_is_not_here_is_named(slicer_scene, models):
    default_bundle.set_default_bundle("gone")
    assert bundle_choices()[0] == ("", "gone (not installed)")


def test_fine_tuning_from_the_console_starts_from_it(slicer_scene, monkeypatch, tmp_path):
    from NeoSegDINOLib import console_run

    asked = []
    monkeypatch.setattr(console_run, "make_settings", asked.append)
    default_bundle.set_default_bundle("other")
    for settings in ({}, {"bundle": "mine"}):
        with pytest.raises(CaseError):
            start_run(tmp_path / "none", tmp_path / "run", settings, False)
    assert [settings["bundle"] for settings in asked] == ["other", "mine"]


@pytest.mark.slow
def test_two_slicers_that_write_at_once_lose_nothing(tmp_path):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "Testing"), str(REPOSITORY / "NeoSegDINO")])
    }
    command = [sys.executable, "-c", SLICER, str(tmp_path)]
    running = [subprocess.Popen([*command, name, str(TURNS)], env=environment) for name in ("one", "two")]
    assert [process.wait(120) for process in running] == [0, 0]
    (path,) = tmp_path.rglob("*.ini")
    lines = path.read_text(encoding="utf-8").splitlines()
    last = {f"DefaultModel={name}-{TURNS - 1}" for name in ("one", "two")}
    assert len(last & set(lines)) == 1
    for name in ("one", "two"):
        assert {f"{name}-{turn}={turn}" for turn in range(TURNS)} <= set(lines)
