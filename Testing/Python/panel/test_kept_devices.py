"""The device that a user has chosen is there again: in the next scene, and when Slicer is opened again."""

from __future__ import annotations

import pytest
import slicer
from NeoSegDINOLib.choices import Device
from NeoSegDINOLib.kept_devices import KEYS, keep_device, kept_device

COMBOS = ("deviceComboBox", "finetuneDeviceComboBox")
CPU, CUDA = 1, 2


@pytest.fixture(autouse=True)
def nothing_kept(slicer_scene):
    """No device in the settings, before and after."""
    forget()
    yield
    forget()


def forget() -> None:
    for key in KEYS.values():
        slicer.app.userSettings().remove(key)


@pytest.fixture
def open_panel(models, jobs, slicer_scene, module_file):
    """Open a panel of its own, as the next Slicer does; returns its form."""
    opened = []

    def load():
        opened.append(slicer_scene.load_module(module_file))
        representation = opened[-1].widgetRepresentation()
        representation.enter()
        return representation.self().ui

    def load_anew():
        if opened:
            opened.pop().unload()
        return load()

    yield load_anew
    opened.pop().unload()


def choose(ui, *devices: int) -> None:
    """Choose as with the mouse, which also tells that it was the user."""
    for name, index in zip(COMBOS, devices, strict=True):
        getattr(ui, name).currentIndex = index
        getattr(ui, name).activated.emit(index)


def chosen(ui) -> list[int]:
    return [getattr(ui, name).currentIndex for name in COMBOS]


def test_nothing_chosen_is_automatic(open_panel):
    assert chosen(open_panel()) == [0, 0]


def forget_parameter_nodes():
    """As in a Slicer that has just started; the views of this one stay."""
    nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
    assert nodes, "the panel keeps what is chosen in such a node"
    for node in nodes:
        slicer.mrmlScene.RemoveNode(node)


def test_a_choice_is_there_in_the_next_scene_and_in_the_next_slicer(open_panel):
    ui = open_panel()
    choose(ui, CPU, CUDA)
    slicer.mrmlScene.Clear(0)
    assert chosen(ui) == [CPU, CUDA]
    forget_parameter_nodes()
    ui = open_panel()
    assert chosen(ui) == [CPU, CUDA]
    choose(ui, 0, 0)
    forget_parameter_nodes()
    assert chosen(open_panel()) == [0, 0]


def test_a_scene_keeps_its_own_device_and_does_not_change_the_users(open_panel, tmp_path):
    ui = open_panel()
    choose(ui, CPU, CPU)
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    choose(ui, CUDA, 0)
    slicer.util.loadScene(path, {"clear": True})
    assert chosen(ui) == [CPU, CPU]
    slicer.mrmlScene.Clear(0)
    assert chosen(ui) == [CUDA, 0]


def test_what_a_later_version_has_kept_is_taken_as_automatic(slicer_scene):
    keep_device("device", Device.cpu)
    assert kept_device("device") is Device.cpu
    slicer.app.userSettings().setValue(KEYS["device"], "abacus")
    assert kept_device("device") is Device.auto
