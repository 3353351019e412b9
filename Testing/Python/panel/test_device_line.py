"""The line below the choice of the device: asked of a worker, and only when somebody looks."""

from __future__ import annotations

import pytest
import torch
from NeoSegDINOLib import device_line, process
from NeoSegDINOLib.device_line import device_in_words

FOUND = {
    "torch": "2.9.0+cu126",
    "cuda": "12.6",
    "line": "NVIDIA X (cuda:0), CUDA 12.6, 7.0 of 8.0 GiB free",
    "notes": [],
}


def test_nothing_is_asked_before_somebody_looks(ui, module_widget):
    assert ui.deviceLineLabel.text == ""
    ui.deviceComboBox.currentIndex = 1
    assert module_widget.deviceLine._background is None


@pytest.mark.slow
def test_the_real_worker_answers_for_the_chosen_device(ui, slicer_scene):
    ui.advancedCollapsibleButton.collapsed = False
    assert ui.deviceLineLabel.text == "Trying the device \u2026"
    slicer_scene.wait_for(lambda: "GiB free" in ui.deviceLineLabel.text, 60)
    assert ui.deviceLineLabel.text.startswith(f"PyTorch {torch.__version__}")
    if torch.version.cuda is None:
        assert "without CUDA: CPU, " in ui.deviceLineLabel.text
        ui.deviceComboBox.currentIndex = 2
        slicer_scene.wait_for(lambda: "\u26a0" in ui.deviceLineLabel.text, 60)
        assert "The device cuda cannot be used: Torch not compiled with CUDA enabled." in ui.deviceLineLabel.text


def test_folding_or_another_choice_ends_the_open_question(ui, module_widget, slicer_scene, monkeypatch):
    import sys

    hang = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(process, "worker_program", lambda: hang)
    line = module_widget.deviceLine
    ui.advancedCollapsibleButton.collapsed = False
    slicer_scene.wait_for(lambda: line._worker._process is not None)
    first = line._worker._process
    ui.deviceComboBox.currentIndex = 1
    assert first.wait(10) != 0
    slicer_scene.wait_for(lambda: line._worker._process is not None)
    second = line._worker._process
    ui.advancedCollapsibleButton.collapsed = True
    assert second.wait(10) != 0
    assert line._worker is None


def test_a_worker_that_dies_is_told(ui, slicer_scene, monkeypatch):
    import sys

    monkeypatch.setattr(process, "worker_program", lambda: [sys.executable, "-c", "raise RuntimeError('bad day')"])
    ui.advancedCollapsibleButton.collapsed = False
    slicer_scene.wait_for(lambda: "bad day" in ui.deviceLineLabel.text)


def test_without_the_packages_nothing_is_asked(ui, module_widget, lacking):
    lacking("torch")
    ui.advancedCollapsibleButton.collapsed = False
    assert "Known once the Python packages are installed" in ui.deviceLineLabel.text
    assert module_widget.deviceLine._background is None


def test_a_card_that_works_is_named_with_cuda_and_memory():
    assert device_in_words({"device": FOUND, "problems": []}) == f"PyTorch 2.9.0+cu126: {FOUND['line']}"


def test_a_card_that_does_not_work_is_told_below():
    note = "The device cuda:0 is there but cannot be used (out of memory); the CPU computes instead."
    text = device_in_words({"device": FOUND | {"line": "CPU, 2 threads", "notes": [note]}, "problems": []})
    assert text.splitlines() == ["PyTorch 2.9.0+cu126: CPU, 2 threads", f"\u26a0 {note}"]


def test_a_device_that_cannot_be_used_is_told_with_the_remedy():
    problems = [
        {"kind": "BundleError", "message": "No model.", "remedy": ""},
        {"kind": "DeviceError", "message": "The device cuda cannot be used: driver.", "remedy": "Choose auto."},
    ]
    text = device_in_words({"device": None, "problems": problems})
    assert text == "\u26a0 The device cuda cannot be used: driver. Choose auto."


def test_choices_and_lines_belong_together(ui):
    names = [device.label() for device in device_line.Device]
    assert names == [ui.deviceComboBox.itemText(index) for index in range(ui.deviceComboBox.count)]
