"""Widgets of CTK and MRML, and dialogs."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def selector(slicer_scene):
    import slicer

    made = slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLModelNode"]
    made.setMRMLScene(slicer.mrmlScene)
    return made


def add(name="model"):
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", name)


def rows(selector):
    import qt

    box = selector.findChildren(qt.QComboBox)[0]
    return [box.itemText(i) for i in range(box.count)]


def test_selector_lists_nodes_and_chooses_none_by_itself(selector):
    node = add("one")
    assert selector.currentNode() is None
    assert rows(selector)[0] == "one"
    selector.setCurrentNode(node)
    node.SetName("two")
    assert rows(selector)[0] == "two"
    assert selector.currentNodeID == node.GetID()


def test_selector_signals(selector):
    seen = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", seen.append)
    selector.connect("currentNodeChanged(bool)", seen.append)
    selector.connect("currentNodeIDChanged(QString)", seen.append)
    node = add()
    selector.setCurrentNode(node)
    assert seen == [node, True, node.GetID()]
    selector.setCurrentNode(node)
    assert len(seen) == 3


def test_selector_loses_a_removed_node(selector):
    import slicer

    node = add()
    selector.setCurrentNode(node)
    slicer.mrmlScene.RemoveNode(node)
    assert selector.currentNode() is None
    selector.setCurrentNode(add())
    slicer.mrmlScene.Clear(0)
    assert selector.currentNode() is None


def test_selector_creates(selector):
    import qt

    selector.noneEnabled, selector.noneDisplay, selector.baseName = True, "New", "Result"
    assert rows(selector) == ["New", "Create new Model"]
    added = []
    selector.connect("nodeAddedByUser(vtkMRMLNode*)", added.append)
    selector.findChildren(qt.QComboBox)[0].setCurrentIndex(1)
    assert added == [selector.currentNode()]
    assert selector.currentNode().GetName() == "Result"
    selector.addEnabled = False
    assert "Create new Model" not in rows(selector)


def test_selector_filters(selector):
    import slicer

    selector.nodeTypes = ["vtkMRMLVolumeNode"]
    slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), nodeClassName="vtkMRMLLabelMapVolumeNode")
    assert selector.nodeCount() == 1
    selector.showChildNodeTypes = False
    assert selector.nodeCount() == 0
    selector.nodeTypes = ["vtkMRMLModelNode"]
    add().SetHideFromEditors(True)
    chosen = add()
    chosen.SetAttribute("kind", "good")
    selector.addAttribute("vtkMRMLModelNode", "kind", "good")
    assert selector.nodes() == [chosen]


def test_selector_that_died_is_not_called(slicer_scene, selector):
    import gc

    selector.deleteLater()
    del selector
    slicer_scene.process_events()
    gc.collect()
    add()


def test_collapsible(slicer_scene):
    import ctk
    import qt

    button = ctk.ctkCollapsibleButton("Advanced")
    qt.QVBoxLayout(button).addWidget(qt.QLabel("inside", button))
    label = button.findChildren(qt.QLabel)[0]
    seen = []
    button.connect("contentsCollapsed(bool)", seen.append)
    button.collapsed = True
    assert label.isHidden()
    button.click()
    assert (button.collapsed, label.isHidden(), seen) == (False, False, [True, False])


def test_paths(slicer_scene, tmp_path):
    import ctk

    line = ctk.ctkPathLineEdit()
    seen = []
    line.connect("currentPathChanged(QString)", seen.append)
    slicer_scene.dialogs.answer(str(tmp_path))
    line.browse()
    assert (line.currentPath, seen) == (str(tmp_path), [str(tmp_path)])


def test_show_3d(slicer_scene):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    button = slicer.qMRMLSegmentationShow3DButton()
    assert button.enabled is False
    button.setSegmentationNode(node)
    assert (button.enabled, button.checked) == (True, False)


def test_dialog_without_an_answer(slicer_scene):
    import slicer
    from rig.dialogs import UnexpectedDialogError

    with pytest.raises(UnexpectedDialogError):
        slicer.util.confirmYesNoDisplay("Sure?")
    assert "Sure?" in slicer_scene.problems.take()[0]


@pytest.mark.parametrize(("answer", "result"), [("Yes", True), ("No", False)])
def test_question(slicer_scene, answer, result):
    import slicer

    slicer_scene.dialogs.answer(answer)
    assert slicer.util.confirmYesNoDisplay("Sure?", windowTitle="Ask") is result
    assert slicer_scene.dialogs.shown[0].title == "Ask"


def test_displays(slicer_scene):
    import slicer

    slicer_scene.dialogs.answer("Ok", "Ok", "Ok", "Cancel")
    slicer.util.infoDisplay("i")
    slicer.util.warningDisplay("w")
    slicer.util.errorDisplay("e", detailedText="why")
    assert not slicer.util.confirmOkCancelDisplay("c")
    assert [s.text for s in slicer_scene.dialogs.shown] == ["i", "w", "e", "c"]
    assert slicer_scene.dialogs.shown[2].detail == "why"


def test_file_dialogs_give_a_path(slicer_scene):
    import qt

    slicer_scene.dialogs.answer("/a", "/b", 0)
    assert qt.QFileDialog.getOpenFileName(None, "Open", "") == "/a"
    assert qt.QFileDialog.getExistingDirectory(None, "Folder") == "/b"
    assert qt.QDialog().exec_() == 0


def test_links_are_not_opened(slicer_scene):
    import qt

    qt.QDesktopServices.openUrl(qt.QUrl("https://example.org"))
    assert slicer_scene.dialogs.opened_urls == ["https://example.org"]
