"""Connections of a widget with a parameter's values."""
# ruff: noqa: N802 (the names are Slicer's)

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, TypeVar

import ctk
import qt
import slicer

from rig.parameter_node.annotations import Choice, Decimals, Maximum, Minimum, SingleStep, WithinRange, first, split
from rig.parameter_node.codecs import node_classes

C = TypeVar("C", bound="type[GuiConnector]")
_registered: list[type[GuiConnector]] = []
_INTEGERS = (-(2**31), 2**31 - 1)


class GuiConnector(ABC):
    """Reads and writes one widget; tells when the user changes it."""

    signal = ""

    @classmethod
    @abstractmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        """Whether the class can show values of a type in a widget."""

    def __init__(self, widget: Any, declared: Any) -> None:
        self._widget = widget
        self._kind, self._notes = split(declared)
        self._callback: Callable[[], None] | None = None

    def widget(self) -> Any:
        return self._widget

    def changed(self) -> None:
        if self._callback is not None:
            self._callback()

    def onChanged(self, callback: Callable[[], None] | None) -> None:
        """Call back when the user changes the widget (None: no longer)."""
        self._callback = callback
        signal = getattr(self._widget, self.signal)
        if callback is None:
            signal.disconnect(self.changed)
        else:
            signal.connect(self.changed)

    @abstractmethod
    def read(self) -> Any:
        """What the widget shows."""

    @abstractmethod
    def write(self, value: Any) -> None:
        """Show a value in the widget."""


def parameterNodeGuiConnector(connector: C) -> C:
    """Class decorator that registers a connector."""
    _registered.append(connector)
    return connector


def createGuiConnector(widget: Any, declared: Any) -> GuiConnector:
    """Return a connector for a widget and a declared type.

    Raises
    ------
    RuntimeError
        When no connector can join them, as in Slicer.
    """
    kind, _ = split(declared)
    for connector in _registered:
        if connector.fits(widget, kind):
            return connector(widget, declared)
    raise RuntimeError(f"Unable to create GUI connector from datatype {declared} to widget type {type(widget)}")


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


@parameterNodeGuiConnector
class _Checked(GuiConnector):
    signal = "toggled"

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return kind is bool and type(widget) in (qt.QCheckBox, ctk.ctkCheckBox, qt.QPushButton)

    def __init__(self, widget: Any, declared: Any) -> None:
        super().__init__(widget, declared)
        self._widget.checkable = True

    def read(self) -> bool:
        return bool(self._widget.checked)

    def write(self, value: bool) -> None:
        self._widget.checked = value


@parameterNodeGuiConnector
class _Number(GuiConnector):
    signal = "valueChanged"
    INTEGER = (qt.QSlider, qt.QSpinBox)
    FLOAT = (
        qt.QDoubleSpinBox,
        ctk.ctkSliderWidget,
        ctk.ctkDoubleSlider,
        ctk.ctkDoubleSpinBox,
        slicer.qMRMLSliderWidget,
        slicer.qMRMLSpinBox,
    )
    BOUNDED = (qt.QSlider, ctk.ctkSliderWidget, slicer.qMRMLSliderWidget)

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return (kind is int and type(widget) in cls.INTEGER) or (kind in (int, float) and type(widget) in cls.FLOAT)

    def __init__(self, widget: Any, declared: Any) -> None:
        super().__init__(widget, declared)
        decimals, step = first(self._notes, Decimals), first(self._notes, SingleStep)
        if type(self._widget) in self.FLOAT and (self._kind is int or decimals is not None):
            self._widget.decimals = 0 if decimals is None else decimals.value
        if step is not None:
            self._widget.singleStep = step.value
        within = first(self._notes, WithinRange)
        low, high = first(self._notes, Minimum), first(self._notes, Maximum)
        if within is None and (low is None or high is None) and type(self._widget) in self.BOUNDED:
            raise RuntimeError(f"{type(self._widget).__name__} needs a parameter with a range")
        least, most = _INTEGERS if type(self._widget) in self.INTEGER else (float("-inf"), float("inf"))
        minimum = within.minimum if within else low.minimum if low else least
        maximum = within.maximum if within else high.maximum if high else most
        self._widget.minimum, self._widget.maximum = minimum, maximum

    def read(self) -> Any:
        return self._kind(self._widget.value)

    def write(self, value: Any) -> None:
        self._widget.value = value


@parameterNodeGuiConnector
class _Chosen(GuiConnector):
    """A combo box is filled with the choices, whatever the form put there."""

    signal = "currentIndexChanged"

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return type(widget) in (qt.QComboBox, ctk.ctkComboBox) and (kind in (int, float, str, bool) or _is_enum(kind))

    def __init__(self, widget: Any, declared: Any) -> None:
        super().__init__(widget, declared)
        if _is_enum(self._kind):
            label = getattr(self._kind, "label", lambda member: member.name)
            self._values = list(self._kind)
            texts = [label(value) for value in self._values]
        else:
            choice = first(self._notes, Choice)
            if choice is None:
                raise RuntimeError("a combo box needs a parameter with the annotation Choice")
            self._values = list(choice.choices)
            texts = [str(value) for value in self._values]
        self._widget.clear()
        for text in texts:
            self._widget.addItem(text)

    def read(self) -> Any:
        return self._values[self._widget.currentIndex]

    def write(self, value: Any) -> None:
        self._widget.currentIndex = self._values.index(value)


@parameterNodeGuiConnector
class _Text(GuiConnector):
    signal = "textChanged"

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return kind is str and type(widget) is qt.QLineEdit

    def read(self) -> str:
        return str(self._widget.text)

    def write(self, value: str) -> None:
        if value != self._widget.text:  # writing moves the cursor
            self._widget.text = value


@parameterNodeGuiConnector
class _PlainText(GuiConnector):
    signal = "textChanged"

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return kind is str and type(widget) in (qt.QTextEdit, qt.QPlainTextEdit)

    def read(self) -> str:
        return str(self._widget.plainText)

    def write(self, value: str) -> None:
        if value != self._widget.plainText:
            self._widget.plainText = value


@parameterNodeGuiConnector
class _Label(GuiConnector):
    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return kind is str and type(widget) is qt.QLabel

    def onChanged(self, callback: Callable[[], None] | None) -> None:
        """A label is never changed by the user."""

    def read(self) -> str:
        return str(self._widget.text)

    def write(self, value: str) -> None:
        self._widget.text = value


@parameterNodeGuiConnector
class _Path(GuiConnector):
    signal = "currentPathChanged"

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return isinstance(kind, type) and issubclass(kind, PurePath) and type(widget) is ctk.ctkPathLineEdit

    def read(self) -> Any:
        return self._kind(self._widget.currentPath)

    def write(self, value: Any) -> None:
        self._widget.currentPath = str(value)


@parameterNodeGuiConnector
class _Folder(GuiConnector):
    signal = "directoryChanged"

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return isinstance(kind, type) and issubclass(kind, PurePath) and type(widget) is ctk.ctkDirectoryButton

    def read(self) -> Any:
        return self._kind(self._widget.directory)

    def write(self, value: Any) -> None:
        self._widget.directory = str(value)


@parameterNodeGuiConnector
class _Node(GuiConnector):
    signal = "currentNodeChanged"

    @classmethod
    def fits(cls, widget: Any, kind: Any) -> bool:
        return bool(node_classes(kind)) and type(widget) is slicer.qMRMLNodeComboBox

    def __init__(self, widget: Any, declared: Any) -> None:
        super().__init__(widget, declared)
        self._widget.nodeTypes = [kind().GetClassName() for kind in node_classes(self._kind)]

    def read(self) -> Any:
        return self._widget.currentNode()

    def write(self, value: Any) -> None:
        self._widget.setCurrentNode(value)
