"""Loading of `.ui` files as Slicer does: stand-in classes, and only those connections that the file declares."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from rig.connections import Connections, split_signature
from rig.problems import problems
from rig.pythonqt import loading_form, wrap


class UiError(RuntimeError):
    """A `.ui` file that Slicer would load only in part."""


@dataclass(frozen=True)
class _Declared:
    sender: str
    signal: str
    receiver: str
    slot: str


def _refuse(message: str) -> UiError:
    problems.record(message)
    return UiError(message)


def _take_connections(root: ET.Element) -> list[_Declared]:
    """Remove the ``<connections>`` from the tree and return them (Qt cannot make them: the slots are Python's)."""
    declared = []
    for section in root.findall("connections"):
        for entry in section.findall("connection"):
            parts = [(entry.findtext(tag) or "").strip() for tag in ("sender", "signal", "receiver", "slot")]
            declared.append(_Declared(*parts))
        root.remove(section)
    return declared


def widget_class(name: str) -> type:
    """Return the stand-in class of a widget class that a `.ui` file names.

    Raises
    ------
    UiError
        When the rig has no such class.
    """
    import ctk
    import qt
    import slicer

    for module in (ctk, slicer, qt):
        found = vars(module).get(name)
        if isinstance(found, type) and issubclass(found, QtCore.QObject):
            return found
    raise _refuse(f"the rig has no stand-in for the widget class {name}")


class _Builder(QtUiTools.QUiLoader):
    """Makes stand-ins, and keeps them: a wrapper that is dropped would come back as a plain PySide6 object."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[QtCore.QObject] = []

    def createWidget(self, kind: str, /, parent: QtWidgets.QWidget | None = None, name: str = "") -> Any:  # noqa: N802
        widget = widget_class(kind)(parent)
        QtCore.QObject.setObjectName(widget, name)
        self.made.append(widget)
        return widget

    def createLayout(self, kind: str, /, parent: QtCore.QObject | None = None, name: str = "") -> Any:  # noqa: N802
        made = widget_class(kind)
        layout = made(parent) if isinstance(parent, QtWidgets.QWidget) else made()
        QtCore.QObject.setObjectName(layout, name)
        self.made.append(layout)
        return layout


class QUiLoader(wrap(QtCore.QObject)):  # type: ignore[misc]
    """Stand-in for PythonQt's QUiLoader."""

    def load(self, source: Any, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        """Load a form from a QFile.

        Raises
        ------
        UiError
            For an unknown widget class, or a declared connection whose ends do not exist.
        """
        path = Path(QtCore.QFile.fileName(source))
        root = ET.fromstring(path.read_bytes())
        declared = _take_connections(root)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        builder = _Builder()
        loading_form.append(True)
        try:
            top: Any = builder.load(buffer, parent)
        finally:
            loading_form.pop()
        if top is None:
            raise _refuse(f"{path.name}: {builder.errorString()}")
        top.__dict__["_made"] = builder.made
        for link in declared:
            _connect(top, link, path.name)
        return top  # type: ignore[no-any-return]


def _find(top: QtCore.QObject, name: str) -> Any:
    if QtCore.QObject.objectName(top) == name:
        return top
    return QtCore.QObject.findChild(top, QtCore.QObject, name)


def _connect(top: QtCore.QObject, link: _Declared, file: str) -> None:
    sender, receiver = _find(top, link.sender), _find(top, link.receiver)
    if sender is None or receiver is None:
        raise _refuse(f"{file}: {link.sender} or {link.receiver} is named in a connection but is not in the form")
    slot = getattr(receiver, split_signature(link.slot)[0], None)
    if not callable(slot):
        raise _refuse(f"{file}: {link.receiver} has no slot {link.slot}")
    Connections.of(sender).connect(link.signal, slot)
