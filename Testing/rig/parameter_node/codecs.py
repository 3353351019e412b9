"""Parameters as the texts and references of a vtkMRMLScriptedModuleNode."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import slicer

from rig.parameter_node.annotations import Default, Validator, first, split


@dataclass(frozen=True)
class Codec:
    """How values of one type are checked, written and read.

    Attributes
    ----------
    accepts : tuple of type
        Python types of the values.
    default : Any
        Value when none is declared.
    to_text, from_text : callable
        Conversion to the stored text and back; None for node references.
    """

    accepts: tuple[type, ...]
    default: Any
    to_text: Callable[[Any], str] | None
    from_text: Callable[[str], Any] | None

    def check(self, value: Any) -> None:
        """Raise ValueError for a None that is not allowed, TypeError for another type."""
        if value is None:
            if self.to_text is not None:
                raise ValueError("Value must not be None")
            return
        if not isinstance(value, self.accepts):
            names = ", ".join(t.__name__ for t in self.accepts)
            raise TypeError(f"Value must be of type {names}, is {type(value).__name__} {value!r}")

    def write(self, node: Any, name: str, value: Any) -> None:
        """Store a value."""
        if self.to_text is not None:
            node.SetParameter(name, self.to_text(value))
            return
        node.SetParameter(name, "")  # tells "None was chosen" from "never set"
        node.SetNodeReferenceID(name, None if value is None else value.GetID())

    def read(self, node: Any, name: str) -> Any:
        """Return the stored value."""
        if self.from_text is None:
            return node.GetNodeReference(name)
        return self.from_text(node.GetParameter(name))


def codec(kind: Any) -> Codec:
    """Return the codec of a type.

    Raises
    ------
    TypeError
        For a type that the stand-in does not know.
    """
    simple = {
        str: Codec((str,), "", str, str),
        int: Codec((int,), 0, str, int),
        float: Codec((int, float), 0.0, str, float),
        bool: Codec((bool,), False, lambda v: "True" if v else "False", lambda t: t == "True"),
    }
    if kind in simple:
        return simple[kind]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return Codec((kind,), next(iter(kind)), lambda v: v.name, lambda t: kind[t])
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return Codec((kind,), kind(), str, kind)
    if nodes := node_classes(kind):
        return Codec(nodes, None, None, None)
    raise TypeError(f"the rig's parameterNodeWrapper has no codec for {kind}")


def node_classes(kind: Any) -> tuple[type, ...]:
    """Node classes of a node type or of a union of node types and None; empty for other types."""
    members = typing.get_args(kind) or (kind,)
    classes = tuple(m for m in members if m is not type(None))
    is_nodes = all(isinstance(c, type) and issubclass(c, slicer.vtkMRMLNode) for c in classes)
    return classes if is_nodes else ()


class Parameter:
    """One declared parameter: type, rules, default."""

    def __init__(self, name: str, declared: Any, given: tuple[Any, ...]) -> None:
        bare, notes = split(declared)
        self.name = name
        self.declared = declared
        self.codec = codec(bare)
        self.validators = tuple(note for note in notes if isinstance(note, Validator))
        annotated = first(notes, Default)
        self.default = Default(given[0]) if given else annotated or Default(self.codec.default)

    def write(self, node: Any, value: Any) -> None:
        """Check a value and store it.

        Raises
        ------
        TypeError, ValueError
            When the value has another type, or breaks a rule.
        """
        self.codec.check(value)
        for validator in self.validators:
            validator.validate(value)
        self.codec.write(node, self.name, value)

    def read(self, node: Any) -> Any:
        """Return the value; the default is stored first when there is none."""
        if not node.HasParameter(self.name):
            self.write(node, self.default.value)
        return self.codec.read(node, self.name)
