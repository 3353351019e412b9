"""A scripted module lives as in Slicer."""

from __future__ import annotations

import example_module
import numpy as np
import pytest


@pytest.fixture
def example(slicer_scene, tmp_path):
    loaded = slicer_scene.load_module(example_module.write(tmp_path))
    yield loaded
    loaded.unload()


@pytest.fixture
def panel(example):
    example.widgetRepresentation().enter()
    return example.widgetRepresentation().self()


def test_module_object(example):
    import slicer

    assert slicer.modules.example is example
    assert slicer.util.getModule("Example") is example
    assert (example.title, example.name, example.categories) == ("Example", "Example", ("Segmentation",))
    assert example.instance().started
    assert slicer.modules.ExampleInstance is example.instance()
    with pytest.raises(AttributeError):
        example.titel = "typo"


def test_panel_is_built_when_asked_for(example):
    import slicer

    assert not example.isWidgetRepresentationCreated()
    widget = slicer.util.getModuleWidget("Example")
    assert slicer.modules.ExampleWidget is widget
    assert slicer.util.getModuleLogic("Example") is widget.logic


def test_enter_exit_cleanup(slicer_scene, tmp_path):
    loaded = slicer_scene.load_module(example_module.write(tmp_path))
    loaded.widgetRepresentation().enter()
    events = loaded.widgetRepresentation().self().events
    loaded.unload()
    assert events == ["enter", "exit", "cleanup"]


def test_click(panel):
    import slicer

    volume = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    panel.ui.inputSelector.setCurrentNode(volume)
    panel.ui.slider.value = 42.5
    panel.ui.applyButton.click()
    assert volume.GetAttribute("threshold") == "42.5"


def test_error_is_shown_and_raised(panel, slicer_scene):
    slicer_scene.dialogs.answer("Ok")
    panel.ui.applyButton.click()
    assert "Input volume is missing" in slicer_scene.dialogs.shown[0].text
    assert "Input volume is missing" in slicer_scene.problems.take()[0]


def test_error_without_a_window(panel, slicer_scene):
    slicer_scene.app.setTesting(True)
    panel.ui.applyButton.click()
    assert slicer_scene.dialogs.shown == []
    assert slicer_scene.problems.take()


def test_scene_close(panel):
    import slicer

    panel._parameterNode.threshold = 7
    assert panel.ui.slider.value == 7
    slicer.mrmlScene.Clear(0)
    assert panel._parameterNode.threshold == 100
    assert panel.ui.slider.value == 100


def test_reload(example, panel):
    import slicer

    slicer.util.reloadScriptedModule("Example")
    assert slicer.modules.ExampleWidget is not panel
    assert panel.events == ["enter", "cleanup"]


def test_self_test(example):
    import slicer

    slicer.selfTests["Example"]()
