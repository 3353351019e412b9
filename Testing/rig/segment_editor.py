"""Stand-in for the module Segment Editor and its widget, on a real segment editor node."""
# ruff: noqa: N801, N802, N815 (the names are Slicer's)

from __future__ import annotations

from typing import Any

import qt
import slicer
from PySide6 import QtCore, QtWidgets

from rig.mrml_widgets import _SceneHolder, qSlicerScriptedLoadableModuleWidget
from rig.problems import problems
from rig.pythonqt import native, wrap

EDITOR_NODE = "vtkMRMLSegmentEditorNode"


def _require(node: Any, kind: str) -> None:
    """Take a node of a class, or None: PythonQt refuses anything else, and a setter ignores other nodes."""
    if node is not None and not node.IsA(kind):
        message = f"the segment editor was given a {node.GetClassName()}, not a {kind}"
        problems.record(message)
        raise TypeError(message)


@native
class qMRMLSegmentEditorWidget(_SceneHolder, wrap(QtWidgets.QWidget)):  # type: ignore[misc]
    """Editor of a segmentation. Its nodes are set in order: editor node, segmentation, source volume."""

    mrmlSceneChanged = QtCore.Signal(object)
    segmentationNodeChanged = QtCore.Signal(object)
    sourceVolumeNodeChanged = QtCore.Signal(object)
    _node: Any

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._node = None

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        _require(node, EDITOR_NODE)
        self._node = node

    def mrmlSegmentEditorNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        _require(node, "vtkMRMLSegmentationNode")
        if self._node is None:
            return self._too_early("setSegmentationNode", node)
        if self._node.GetSegmentationNode() is not node:
            self._node.SetAndObserveSegmentationNode(node)
            self.segmentationNodeChanged.emit(node)
        return None

    def segmentationNode(self) -> Any:
        return None if self._node is None else self._node.GetSegmentationNode()

    def setSourceVolumeNode(self, node: Any) -> None:
        _require(node, "vtkMRMLScalarVolumeNode")
        if self._node is None or self.segmentationNode() is None:
            return self._too_early("setSourceVolumeNode", node)
        if self._node.GetSourceVolumeNode() is not node:
            self._node.SetAndObserveSourceVolumeNode(node)
            self.sourceVolumeNodeChanged.emit(node)
        return None

    def sourceVolumeNode(self) -> Any:
        return None if self._node is None else self._node.GetSourceVolumeNode()

    def _too_early(self, name: str, node: Any) -> None:
        """In Slicer this is a line in the log, and nothing is set."""
        if node is not None:
            problems.record(f"{name} failed: need to set segment editor and segmentation nodes first")


class SegmentEditorWidget:
    """The module's Python widget: makes the editor at set-up, and its node when it is entered."""

    def __init__(self) -> None:
        self.editor = qMRMLSegmentEditorWidget()
        self.editor.setMRMLScene(slicer.mrmlScene)

    def enter(self) -> None:
        """Take the scene's one editor node."""
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode("SegmentEditor", EDITOR_NODE)
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag("SegmentEditor")
            node = scene.AddNode(node)
        self.editor.setMRMLSegmentEditorNode(node)


class SegmentEditorModule:
    """``slicer.modules.segmenteditor``."""

    name = "SegmentEditor"
    title = "Segment Editor"
    path = ""

    def __init__(self) -> None:
        self._widget: Any = None

    def isWidgetRepresentationCreated(self) -> bool:
        return self._widget is not None

    def widgetRepresentation(self) -> Any:
        """The panel, built when it is asked for the first time."""
        if self._widget is None:
            self._widget = qSlicerScriptedLoadableModuleWidget()
            self._widget.setLayout(qt.QVBoxLayout())
            self._widget._python = SegmentEditorWidget()
            self._widget.layout().addWidget(self._widget._python.editor)
        return self._widget


slicer.qMRMLSegmentEditorWidget = qMRMLSegmentEditorWidget
