"""Slicer's main window, never shown, and its module selector."""
# ruff: noqa: N801, N802, N815 (the names are Slicer's)

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtWidgets

from rig.problems import problems
from rig.pythonqt import native, qproperty, wrap


@native
class qSlicerModuleSelectorToolBar(wrap(QtWidgets.QToolBar)):  # type: ignore[misc]
    """Switches between modules: the one that is open is left, then the other is entered."""

    _selected: str

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._selected = ""

    selectedModule = qproperty(str, lambda self: self._selected, lambda _self, _value: None)

    def selectModule(self, name: str) -> None:
        manager = slicer.app.moduleManager()
        module = manager.module(name)
        if module is None:
            problems.record(f"module {name!r} cannot be selected: there is none of that name")
            return
        for other in map(manager.module, manager.modulesNames()):
            if other is not module and other.isWidgetRepresentationCreated() and other.widgetRepresentation().isEntered:
                other.widgetRepresentation().exit()
        self._selected = name
        if not module.widgetRepresentation().isEntered:
            module.widgetRepresentation().enter()


@native
class qSlicerMainWindow(wrap(QtWidgets.QMainWindow)):  # type: ignore[misc]
    """The window that `slicer.util.mainWindow` finds."""

    _selector: Any

    def __init__(self) -> None:
        super().__init__()
        self._selector = qSlicerModuleSelectorToolBar(self)

    def moduleSelector(self) -> Any:
        return self._selector


def main_window() -> Any:
    """Make the main window."""
    window = qSlicerMainWindow()
    window.setObjectName("qSlicerMainWindow")
    window.setWindowTitle("3D Slicer")
    return window
