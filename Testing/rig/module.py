"""Loading of a scripted module from its file, as Slicer does at start-up and when the user opens it."""
# ruff: noqa: N801, N802, N815 (the names are Slicer's)

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import qt
import slicer
from PySide6 import QtCore

from rig.mrml_widgets import qSlicerScriptedLoadableModuleWidget
from rig.pythonqt import native, qproperty, stored, wrap


def _noop(_self: Any, _value: Any) -> None:
    """Read-only property."""


@native
class qSlicerScriptedLoadableModule(wrap(QtCore.QObject)):  # type: ignore[misc]
    """The module object: ``slicer.modules.<name>``."""

    title = stored(str, "title", "")
    categories = stored("QStringList", "categories", [])
    dependencies = stored("QStringList", "dependencies", [])
    contributors = stored("QStringList", "contributors", [])
    helpText = stored(str, "helpText", "")
    acknowledgementText = stored(str, "acknowledgementText", "")
    hidden = stored(bool, "hidden", False)
    index = stored(int, "index", -1)
    widgetRepresentationCreationEnabled = stored(bool, "widgetRepresentationCreationEnabled", True)
    icon = stored("QVariant", "icon", None)
    path = qproperty(str, lambda self: self._path, _noop)
    _path: str
    _source: ModuleType
    _instance: Any
    _widget: Any

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path)
        self._widget = None
        QtCore.QObject.setObjectName(self, path.stem)
        self._source = _import(path)
        self._instance = getattr(self._source, path.stem)(self)
        setattr(slicer.modules, f"{path.stem}Instance", self._instance)

    name = qproperty(str, QtCore.QObject.objectName, _noop)

    def source(self) -> ModuleType:
        """The Python module of the file."""
        return self._source

    def instance(self) -> Any:
        """The Python module object."""
        return self._instance

    def isWidgetRepresentationCreated(self) -> bool:
        return self._widget is not None

    def widgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget:
        """The panel, built when it is asked for the first time."""
        if self._widget is None:
            self._widget = self.createNewWidgetRepresentation()
        widget: qSlicerScriptedLoadableModuleWidget = self._widget
        return widget

    def createNewWidgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget:
        widget = qSlicerScriptedLoadableModuleWidget()
        widget.setLayout(qt.QVBoxLayout())
        widget.setMRMLScene(slicer.mrmlScene)
        widget._module = self
        self.fill(widget)
        return widget

    def fill(self, widget: qSlicerScriptedLoadableModuleWidget) -> None:
        """Make the Python widget in a panel and set it up."""
        source = sys.modules[str(self.name)]
        python = getattr(source, f"{self.name}Widget")(widget)
        widget._python = python
        python.setup()
        setattr(slicer.modules, f"{self.name}Widget", python)

    def logic(self) -> Any:
        """Scripted modules have no C++ logic."""
        return None

    def unload(self) -> None:
        """Take the module down as Slicer does when it closes: exit, cleanup, then the panel is deleted."""
        if self._widget is not None and self._widget.isEntered:
            self._widget.exit()
        slicer.app.moduleManager().moduleAboutToBeUnloaded.emit(self.name)
        for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode"):
            if node.GetAttribute("ModuleName") == self.name:
                slicer.mrmlScene.RemoveNode(node)  # it would call a panel that is gone
        if self._widget is not None:
            self._widget.deleteLater()
            self._widget = None
            QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)
        for attribute in (f"{self.name}Instance", f"{self.name}Widget"):
            if hasattr(slicer.modules, attribute):
                delattr(slicer.modules, attribute)


def _import(path: Path) -> ModuleType:
    """Import a module's file under its own name, with its folder on the path."""
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def load(path: str | Path) -> qSlicerScriptedLoadableModule:
    """Load a scripted module and tell it that the start-up is complete.

    Parameters
    ----------
    path : str or Path
        The module's file, e.g. ``NeoSegDINO/NeoSegDINO.py``.
    """
    module = qSlicerScriptedLoadableModule(Path(path).resolve())
    slicer.app.moduleManager().add(module)
    slicer.app.startupCompleted.emit()
    return module


slicer.qSlicerScriptedLoadableModule = qSlicerScriptedLoadableModule
