"""Stand-ins for Slicer's MRML widgets other than the node combo box."""
# ruff: noqa: N801, N802, N815, N816 (the names are Slicer's)

from __future__ import annotations

from typing import Any, ClassVar

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from rig import node_combo_box  # noqa: F401 (registers its class in slicer)
from rig.ctk_buttons import ctkCollapsibleButton
from rig.ctk_values import ctkRangeWidget, ctkSliderWidget
from rig.pythonqt import native, qproperty, stored, wrap
from rig.scene_observer import Observers


class _SceneHolder:
    """What every MRML widget has: a scene, and a signal when it is set."""

    cpp_signals: ClassVar[dict[str, str]] = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}

    def setMRMLScene(self, scene: Any) -> None:
        self.__dict__["_held_scene"] = scene
        self.mrmlSceneChanged.emit(scene)  # type: ignore[attr-defined]

    def mrmlScene(self) -> Any:
        return self.__dict__.get("_held_scene")


def _widget(name: str, base: type, **members: Any) -> type:
    """Make an MRML widget class that holds a scene and is registered in `slicer`."""
    members |= {"__module__": "slicer", "mrmlSceneChanged": QtCore.Signal(object)}
    made = native(type(name, (_SceneHolder, base), members))
    setattr(slicer, name, made)
    return made


_QWidget = wrap(QtWidgets.QWidget)
qMRMLWidget = _widget("qMRMLWidget", _QWidget)
qSlicerWidget = _widget("qSlicerWidget", _QWidget)
for _name, _base in {
    "qMRMLSliderWidget": ctkSliderWidget,
    "qMRMLRangeWidget": ctkRangeWidget,
    "qMRMLSpinBox": wrap(QtWidgets.QDoubleSpinBox),
    "qMRMLCollapsibleButton": ctkCollapsibleButton,
    "qMRMLSubjectHierarchyComboBox": wrap(QtWidgets.QComboBox),
    "qMRMLSubjectHierarchyTreeView": wrap(QtWidgets.QTreeView),
}.items():
    _widget(_name, _base)


@native
class qMRMLSegmentsTableView(_SceneHolder, _QWidget):  # type: ignore[misc, valid-type]
    """Table of a segmentation's segments: shown or not, colour, name."""

    mrmlSceneChanged = QtCore.Signal(object)
    segmentAboutToBeModified = QtCore.Signal(str)
    readOnly = stored(bool, "readOnly", False)
    headerVisible = stored(bool, "headerVisible", True)
    statusColumnVisible = stored(bool, "statusColumnVisible", False)
    visibilityColumnVisible = stored(bool, "visibilityColumnVisible", True)
    colorColumnVisible = stored(bool, "colorColumnVisible", True)
    opacityColumnVisible = stored(bool, "opacityColumnVisible", True)
    _table: QtWidgets.QTableWidget
    _node: Any
    _observers: Observers

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._node = None
        self._observers = Observers(self)
        self._table = QtWidgets.QTableWidget(0, 3)
        self._table.setHorizontalHeaderLabels(["", "", "Name"])
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.verticalHeader().hide()
        self._table.setColumnWidth(0, 24)
        self._table.setColumnWidth(1, 24)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._table)

    def setSegmentationNode(self, node: Any) -> None:
        """Show a segmentation's segments."""
        self._observers.clear()
        self._node = node
        if node is not None:
            self._observers.add(node, "ModifiedEvent", qMRMLSegmentsTableView.refresh)
        self.refresh()

    def segmentationNode(self) -> Any:
        return self._node

    def refresh(self) -> None:
        """Read the segments again."""
        segmentation = None if self._node is None else self._node.GetSegmentation()
        count = 0 if segmentation is None else segmentation.GetNumberOfSegments()
        self._table.setRowCount(count)
        for row in range(count):
            segment = self._node.GetSegmentation().GetNthSegment(row)
            swatch = QtWidgets.QTableWidgetItem()
            swatch.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            self._table.setItem(row, 1, swatch)
            self._table.setItem(row, 2, QtWidgets.QTableWidgetItem(segment.GetName()))

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        return [self._node.GetSegmentation().GetNthSegmentID(row) for row in rows]


@native
class qMRMLSegmentationShow3DButton(_SceneHolder, wrap(QtWidgets.QPushButton)):  # type: ignore[misc]
    """Toggle of a segmentation's surfaces."""

    mrmlSceneChanged = QtCore.Signal(object)
    _node: Any
    _observers: Observers

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._node = None
        self._observers = Observers(self)
        self.setText("Show 3D")
        self.setCheckable(True)
        self.setEnabled(False)
        self.clicked.connect(self._on_clicked)

    def setSegmentationNode(self, node: Any) -> None:
        self._observers.clear()
        self._node = node
        if node is not None:
            self._observers.add(node, "ModifiedEvent", qMRMLSegmentationShow3DButton.refresh)
        self.refresh()

    def segmentationNode(self) -> Any:
        return self._node

    def refresh(self) -> None:
        """Show whether the surfaces are there."""
        self.setEnabled(self._node is not None)
        self.setChecked(self._node is not None and self._surfaces())

    def _surfaces(self) -> bool:
        name = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        return bool(self._node.GetSegmentation().ContainsRepresentation(name))

    def _on_clicked(self, checked: bool) -> None:
        if checked:
            self._node.CreateClosedSurfaceRepresentation()
        else:
            self._node.RemoveClosedSurfaceRepresentation()


@native
class qMRMLTableView(_SceneHolder, wrap(QtWidgets.QTableView)):  # type: ignore[misc]
    """View of a table node (its contents are not drawn)."""

    mrmlSceneChanged = QtCore.Signal(object)
    _node: Any

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._node = None

    def setMRMLTableNode(self, node: Any) -> None:
        self._node = node

    def mrmlTableNode(self) -> Any:
        return self._node


def _set_entered(widget: Any, value: bool) -> None:
    widget.__dict__["_entered"] = value


@native
class qSlicerScriptedLoadableModuleWidget(_SceneHolder, _QWidget):  # type: ignore[misc, valid-type]
    """The widget that a scripted module's Python widget fills."""

    mrmlSceneChanged = QtCore.Signal(object)
    isEntered = qproperty(bool, lambda self: self.__dict__.get("_entered", False), _set_entered)
    _python: Any
    _module: Any

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._python = None
        self._module = None

    def self(self) -> Any:
        """The Python widget."""
        return self._python

    def enter(self) -> None:
        _set_entered(self, True)
        if hasattr(self._python, "enter"):
            self._python.enter()

    def exit(self) -> None:
        _set_entered(self, False)
        if hasattr(self._python, "exit"):
            self._python.exit()

    def reload(self) -> None:
        """Make the Python widget anew from the reloaded source."""
        self._module.fill(self)


for _class in (
    qMRMLSegmentsTableView,
    qMRMLSegmentationShow3DButton,
    qMRMLTableView,
    qSlicerScriptedLoadableModuleWidget,
):
    setattr(slicer, _class.__name__, _class)
