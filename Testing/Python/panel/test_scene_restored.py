"""A scene that is saved and loaded again, as a real .mrb, brings the panel's choices and the shown result back."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from module_samples.fixtures import nothing_left
from module_samples.volumes import add_volume


@pytest.fixture
def saved(ui, tab, fake_worker, slicer_scene, tmp_path) -> str:
    """A saved scene: two volumes under a transform with their results, the second one chosen; then an empty scene."""
    fake_worker("slow")
    turn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turn")
    slicer.util.updateTransformMatrixFromArray(turn, np.diag([-1.0, -1.0, 1.0, 1.0]))
    for name in ("first", "zweites \u00fc"):
        add_volume(name).SetAndObserveTransformNodeID(turn.GetID())
    ui.bundleComboBox.currentIndex = 1
    ui.windowsComboBox.currentIndex = 1
    ui.deviceComboBox.currentIndex = 1
    ui.segmentAllButton.click()
    slicer_scene.wait_for(lambda: tab.run is None)
    ui.inputSelector.setCurrentNode(slicer.util.getNode("zweites \u00fc"))
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(0)
    return path


def load(path: str) -> None:
    """Load a scene in place of the present one."""
    slicer.util.loadScene(path, {"clear": True})


def check(ui) -> None:
    """What the panel shows is what was saved."""
    assert ui.inputSelector.currentNode().GetName() == "zweites \u00fc"
    assert ui.outputSelector.currentNode().GetName() == "zweites \u00fc hippocampus"
    assert [ui.windowsComboBox.currentIndex, ui.deviceComboBox.currentIndex] == [1, 1]
    assert ui.bundleComboBox.currentText == "Another model (1.0)"
    assert not ui.resultWidget.isHidden()
    assert [ui.resultTable.item(row, 0).text() for row in range(2)] == ["Left", "Right"]
    assert ui.resultTable.item(0, 1).text().endswith(" ml")
    assert ui.warningsLabel.text == "\u26a0 The two sides differ. [asymmetry-range]"
    assert ui.segmentButton.enabled
    assert ui.messageFrame.isHidden()
    assert ui.queueWidget.isHidden()


def test_in_an_open_panel(ui, saved):
    assert ui.resultWidget.isHidden()
    load(saved)
    check(ui)


def test_in_a_panel_that_is_opened_afterwards(module, saved):
    module.widgetRepresentation().exit()
    load(saved)
    module.widgetRepresentation().enter()
    check(module.widgetRepresentation().self().ui)


def test_every_volume_finds_its_result_again(ui, saved):
    load(saved)
    ui.inputSelector.setCurrentNode(slicer.util.getNode("first"))
    node = ui.outputSelector.currentNode()
    assert node.GetName() == "first hippocampus"
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    assert node.GetParentTransformNode().GetName() == "turn"
    assert node.GetDisplayNode().GetVisibility3D()
    assert ui.segmentAllButton.isHidden(), "both have their results"


def test_a_new_run_in_the_loaded_scene_asks_before_it_replaces(ui, saved, slicer_scene):
    load(saved)
    slicer_scene.dialogs.answer("Cancel")
    ui.segmentButton.click()
    assert "'zweites \u00fc hippocampus' holds hippocampi" in slicer_scene.dialogs.shown[-1].text


def test_a_scene_loaded_while_a_run_is_at_work_ends_that_run(ui, tab, saved, fake_worker, slicer_scene, jobs):
    pids = fake_worker("hang")
    add_volume("next patient")
    ui.segmentButton.click()
    slicer_scene.wait_for(lambda: pids.exists() and len(pids.read_text().split()) >= 3)
    run = tab.run
    load(saved)
    assert tab.run is None
    assert run.join(5)
    assert nothing_left(pids, jobs)
    assert slicer.util.getFirstNodeByName("next patient") is None
    assert ui.outputSelector.currentNode().GetName() == "zweites \u00fc hippocampus"


def test_a_scene_saved_in_mid_run_holds_nothing_half_made(ui, tab, fake_worker, slicer_scene, tmp_path):
    pids = fake_worker("hang")
    add_volume()
    ui.segmentButton.click()
    slicer_scene.wait_for(lambda: pids.exists() and len(pids.read_text().split()) >= 3)
    path = str(tmp_path / "mid-run.mrb")
    assert slicer.util.saveScene(path)
    assert tab.run is not None
    load(path)
    assert ui.inputSelector.currentNode().GetName() == "T2w"
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
    assert ui.segmentButton.enabled
