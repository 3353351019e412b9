"""The class decorator: typed access to a parameter node, and its binding to widgets."""
# ruff: noqa: N802, N803, N815 (the names are Slicer's)

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

import qt
import slicer
import vtk

from rig.parameter_node.codecs import Parameter
from rig.parameter_node.connectors import GuiConnector, createGuiConnector

SlicerParameterNamePropertyName = "SlicerParameterName"


def isParameterNodeWrapper(thing: Any) -> bool:
    """Whether a class or object is a wrapped parameter node."""
    return bool(getattr(thing, "_is_parameter_node_wrapper", False))


def findChildWidgetForParameter(widget: Any, name: str) -> Any:
    """First descendant bound to a parameter, or None."""
    for child in widget.findChildren(qt.QWidget):
        if child.property(SlicerParameterNamePropertyName) == name:
            return child
    return None


class _Wrapped:
    """Methods of every wrapped class."""

    allParameters: typing.ClassVar[dict[str, Parameter]]
    _is_parameter_node_wrapper = True

    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._bindings: dict[int, tuple[dict[str, GuiConnector], int]] = {}
        self._next_tag = 0
        self._showing = False
        for parameter in self.allParameters.values():
            parameter.read(parameterNode)  # stores the default

    def _parameter(self, name: str) -> Parameter:
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
        return self.allParameters[name]

    def default(self, name: str) -> Any:
        return self._parameter(name).default

    @classmethod
    def dataType(cls, name: str) -> Any:
        return cls.allParameters[name].declared

    def getValue(self, name: str) -> Any:
        return self._parameter(name).read(self.parameterNode)

    def setValue(self, name: str, value: Any) -> None:
        with slicer.util.NodeModify(self.parameterNode):
            self._parameter(name).write(self.parameterNode, value)

    def StartModify(self) -> Any:
        return self.parameterNode.StartModify()

    def EndModify(self, was_modifying: Any) -> Any:
        return self.parameterNode.EndModify(was_modifying)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def AddObserver(self, event: Any, callback: Callable[..., Any], priority: float = 0.0) -> Any:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: Any) -> None:
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, gui: Any) -> int:
        """Bind all widgets that name a parameter: those below a widget, or the attributes of an object."""
        is_widget = getattr(gui, "isWidgetType", lambda: False)()
        widgets = gui.findChildren(qt.QWidget) if is_widget else list(vars(gui).values())
        named = ((w.property(SlicerParameterNamePropertyName), w) for w in widgets)
        return self.connectParametersToGui({name: widget for name, widget in named if name})

    def connectParametersToGui(self, mapping: Mapping[str, Any]) -> int:
        """Bind parameters to widgets or connectors; returns the tag to undo it with.

        Raises
        ------
        ValueError
            For a parameter that does not exist.
        RuntimeError
            For a widget that cannot show the parameter's type.
        """
        connectors = {
            name: given
            if isinstance(given, GuiConnector)
            else createGuiConnector(given, self._parameter(name).declared)
            for name, given in mapping.items()
        }
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.onChanged(self._reader(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda _caller, _event: self._show())
        self._bindings[tag] = (connectors, observer)
        return tag

    def _reader(self, name: str, connector: GuiConnector) -> Callable[[], None]:
        def read() -> None:
            if not self._showing:
                self.setValue(name, connector.read())

        return read

    def _show(self) -> None:
        """Write all values into the bound widgets."""
        if self._showing:
            return
        self._showing = True
        try:
            for connectors, _ in list(self._bindings.values()):
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
        finally:
            self._showing = False

    def disconnectGui(self, tag: int | None) -> None:
        """Undo a binding; an unknown tag is ignored."""
        if tag not in self._bindings:
            return
        connectors, observer = self._bindings.pop(tag)
        for connector in connectors.values():
            connector.onChanged(None)
        self.RemoveObserver(observer)


def _member(name: str) -> property:
    return property(
        lambda self: self.getValue(name),
        lambda self, value: self.setValue(name, value),
    )


def parameterNodeWrapper(declared: type | None = None) -> Any:
    """Make a class that gives typed access to a vtkMRMLScriptedModuleNode from a class with annotated members."""
    if declared is None:
        return parameterNodeWrapper
    hints = typing.get_type_hints(declared, include_extras=True)
    members: dict[str, Any] = {}
    parameters: dict[str, Parameter] = {}
    for name, hint in hints.items():
        if hasattr(_Wrapped, name):
            raise ValueError(f"Cannot use reserved name {name!r} in a parameterNodeWrapper")
        given = (vars(declared)[name],) if name in vars(declared) else ()
        parameters[name] = Parameter(name, hint, given)
        members[name] = _member(name)
    members |= {"allParameters": parameters, "__doc__": declared.__doc__, "__module__": declared.__module__}
    return type(declared.__name__, (_Wrapped, declared), members)
