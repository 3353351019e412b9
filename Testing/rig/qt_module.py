"""The `qt` module of Slicer's Python, over PySide6."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtNetwork, QtWidgets

from rig.connections import Connections
from rig.dialogs import dialogs
from rig.pythonqt import native, wrap

# Created by the rig itself, with its own class.
_LEFT_OUT = frozenset({"QCoreApplication", "QGuiApplication", "QApplication"})


def build() -> types.ModuleType:
    """Make the module and register it as ``qt``."""
    module: Any = types.ModuleType("qt", "Stand-in for PythonQt's qt module")
    for source in (QtCore, QtGui, QtNetwork, QtWidgets):
        for name in dir(source):
            if name.startswith("Q") and name not in _LEFT_OUT:
                setattr(module, name, _manners(getattr(source, name)))
    module.Signal, module.Slot, module.Property = QtCore.Signal, QtCore.Slot, QtCore.Property
    module.QApplication = QtWidgets.QApplication
    _answer_dialogs(module)
    _timers(module)
    sys.modules["qt"] = module
    built: types.ModuleType = module
    return built


def _manners(member: Any) -> Any:
    is_object = isinstance(member, type) and issubclass(member, QtCore.QObject)
    return wrap(member) if is_object else member


def _message_texts(box: Any) -> tuple[str, str, str]:
    return box.windowTitle, box.text, box.detailedText


def _answer_message_box(self: Any) -> int:
    """Show a message box to the test."""
    answer = dialogs.show(self.className(), *_message_texts(self))
    return _button(answer)


def _button(answer: Any) -> int:
    """Value of a standard button given by its name or its value."""
    return int(getattr(QtWidgets.QMessageBox.StandardButton, answer) if isinstance(answer, str) else answer)


def _answer_dialog(self: Any) -> int:
    """Show another dialog to the test."""
    labels = [c.text for c in self.findChildren(QtWidgets.QLabel)]
    return int(dialogs.show(self.className(), self.windowTitle, "\n".join(labels)))  # type: ignore[call-overload,no-any-return]


def _file_question(name: str) -> Callable[..., object]:
    def ask(_parent: object = None, title: str = "", folder: str = "", *_options: object) -> object:
        return dialogs.show(f"QFileDialog.{name}", title, folder)

    return ask


def _answer_dialogs(module: Any) -> None:
    """Replace whatever would wait for a person."""
    for member in list(vars(module).values()):
        if isinstance(member, type) and issubclass(member, QtWidgets.QDialog):
            is_box = issubclass(member, QtWidgets.QMessageBox)
            member.exec = _answer_message_box if is_box else _answer_dialog  # type: ignore[method-assign]
    for name in ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"):
        setattr(module.QFileDialog, name, staticmethod(_file_question(name)))
    for name in ("information", "question", "warning", "critical"):
        setattr(module.QMessageBox, name, staticmethod(_static_box(name)))
    module.QDesktopServices = types.SimpleNamespace(openUrl=_open_url)


def _open_url(url: QtCore.QUrl) -> bool:
    """Remember a link instead of opening it."""
    dialogs.opened_urls.append(url.toString())
    return True


def _static_box(name: str) -> Callable[..., int]:
    def ask(_parent: object, title: str, text: str, *_buttons: object) -> int:
        answer = dialogs.show(f"QMessageBox.{name}", title, text)
        return _button(answer)

    return ask


def _timers(module: Any) -> None:
    """`QTimer.singleShot` with a callable, as Slicer's start-up script defines it."""

    def single_shot(msec: int, receiver: Any, member: str | None = None) -> None:
        timer = module.QTimer(QtCore.QCoreApplication.instance())
        timer.setSingleShot(True)
        Connections.of(timer).connect("timeout()", receiver, member)
        Connections.of(timer).connect("timeout()", timer.deleteLater)
        timer.start(msec)

    module.QTimer.singleShot = staticmethod(single_shot)


@native
class ApplicationBase(wrap(QtWidgets.QApplication)):  # type: ignore[misc]
    """QApplication with PythonQt's manners, to build the application object on."""
