"""Slicer's self test and the script for a real Slicer, on a stand-in for the sample and for the worker."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import slicer
from module_samples.volumes import add_volume
from NeoSegDINOLib import sample_data

SMOKE = Path(__file__).resolve().parents[2] / "slicer_smoke.py"
FINETUNE_SMOKE = SMOKE.with_name("finetune_smoke.py")


@pytest.fixture
def sample(slicer_scene, fake_worker, tmp_path, monkeypatch):
    """A small volume in the place of the shipped sample."""
    fake_worker("slow")
    path = tmp_path / "sample.nii"
    assert slicer.util.saveNode(add_volume(), str(path))
    slicer.mrmlScene.Clear(0)
    monkeypatch.setattr(sample_data, "SAMPLE_FILE", path)
    return path


@pytest.fixture
def smoke(sample, module_widget, slicer_scene, monkeypatch):
    """The script's main function, in Slicer's testing mode."""
    import SampleData

    slicer_scene.app.setTesting(True)
    monkeypatch.setattr(SampleData, "downloadSample", lambda _name: slicer.util.loadVolume(str(sample)), raising=False)
    spec = importlib.util.spec_from_file_location("slicer_smoke", SMOKE)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.main


def test_self_test_passes(sample, module, slicer_scene, monkeypatch):
    slicer_scene.app.setTesting(True)
    monkeypatch.setattr(module.source(), "SAMPLE_FILE", sample)
    slicer.selfTests["NeoSegDINO"](msec=1)


def test_smoke_script_walks_the_whole_road(smoke, capsys):
    smoke()
    assert "FAIL" not in capsys.readouterr().out


def test_smoke_script_fails_when_the_road_is_broken(smoke, monkeypatch):
    monkeypatch.setenv("FAKE_WORKER", "crash")
    with pytest.raises(AssertionError, match="bad day"):
        smoke()


@pytest.fixture
def finetune_smoke(fake_finetune, jobs, module_widget, slicer_scene, monkeypatch):
    """The script's main function for fine-tuning, in Slicer's testing mode."""
    fake_finetune("waits")
    slicer_scene.app.setTesting(True)
    monkeypatch.setattr(slicer.util, "selectModule", lambda _name: None)
    spec = importlib.util.spec_from_file_location("finetune_smoke", FINETUNE_SMOKE)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "LONGEST_S", 30)
    return script


@pytest.mark.slow
def test_fine_tuning_script_walks_the_whole_road(finetune_smoke, capsys):
    assert finetune_smoke.run() == 0
    assert "FAIL" not in capsys.readouterr().out


def test_fine_tuning_script_fails_when_the_road_is_broken(finetune_smoke, fake_finetune):
    fake_finetune("crashes")
    finetune_smoke.LONGEST_S = 5
    with pytest.raises(AssertionError):
        finetune_smoke.run()
