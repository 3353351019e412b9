"""Signals and slots, connected as PythonQt does: by C++ signature, with surplus arguments trimmed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6 import QtCore

from rig.problems import problems

_SIGNATURE = re.compile(r"^\s*[12]?(\w+)\s*\((.*)\)\s*$")


class SignalError(RuntimeError):
    """A connection that Slicer would refuse with nothing but a printed line."""


@dataclass(frozen=True)
class _Link:
    signal: str
    slot: Callable[..., Any]
    relay: Callable[..., Any]


def split_signature(signature: str) -> tuple[str, list[str]]:
    """Split ``name(type,type)`` into the name and the argument types."""
    match = _SIGNATURE.match(signature)
    if match is None:
        raise _refuse(f"{signature!r} is not a signal signature")
    arguments = [a.strip() for a in match.group(2).split(",") if a.strip()]
    return match.group(1), arguments


def _refuse(message: str) -> SignalError:
    problems.record(message)
    return SignalError(message)


def _name(method: QtCore.QMetaMethod) -> str:
    return bytes(method.name().data()).decode()


def arity(slot: Callable[..., Any], available: int) -> int:
    """Count the arguments a slot takes, at most `available`."""
    owner = getattr(slot, "__self__", None)
    name = getattr(slot, "__name__", "")
    if isinstance(owner, QtCore.QObject) and not inspect.ismethod(slot):
        meta = QtCore.QObject.metaObject(owner)
        counts = [meta.method(i).parameterCount() for i in range(meta.methodCount()) if _name(meta.method(i)) == name]
        return max((c for c in counts if c <= available), default=0)
    parameters = inspect.signature(slot).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return available
    return min(available, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))


def relay(slot: Callable[..., Any], available: int) -> Callable[..., Any]:
    """Make a function of exactly `available` arguments (PySide calls ``*args`` with none) that calls the slot."""
    taken = arity(slot, available)
    relays: list[Callable[..., Any]] = [
        lambda: slot(*()[:taken]),
        lambda a: slot(*(a,)[:taken]),
        lambda a, b: slot(*(a, b)[:taken]),
        lambda a, b, c: slot(*(a, b, c)[:taken]),
        lambda a, b, c, d: slot(*(a, b, c, d)[:taken]),
    ]
    return relays[available]


def listen(signal: Any, slot: Callable[..., Any], count: int) -> None:
    """Connect a plain PySide6 signal of `count` arguments to a stand-in's method.

    PySide6 looks for bound methods of wrapped classes as Qt slots and does not find them, so a function goes between.
    """
    signal.connect(relay(slot, count))


class Connections:
    """The connections made from Python to one object's signals."""

    def __init__(self, owner: QtCore.QObject) -> None:
        self._owner = owner
        self._links: list[_Link] = []

    @classmethod
    def of(cls, owner: Any) -> Connections:
        """Return an object's connections (kept on the object)."""
        state = object.__getattribute__(owner, "__dict__")
        if "_connections" not in state:
            state["_connections"] = cls(owner)
        connections: Connections = state["_connections"]
        return connections

    def _resolve(self, signature: str) -> tuple[str, int]:
        """Return the Python name of a signal and its number of arguments."""
        name, arguments = split_signature(signature)
        plain = f"{name}({','.join(arguments)})"
        declared = getattr(type(self._owner), "cpp_signals", {})
        if plain in declared:
            return declared[plain], len(arguments)
        normalise: Any = QtCore.QMetaObject.normalizedSignature  # PySide6's annotation asks for bytes and is wrong
        normal = bytes(normalise(plain).data()).decode()
        meta = QtCore.QObject.metaObject(self._owner)
        if meta.indexOfSignal(normal) < 0:
            raise _refuse(f"signal {signature} does not exist on {type(self._owner).__name__}")
        return name, len(arguments)

    def _signal(self, name: str) -> Any:
        return QtCore.QObject.__getattribute__(self._owner, name)

    def connect(self, signature: str, slot: Any, member: str | None = None, *_kind: object) -> bool:
        """Connect a signal given by its C++ signature to a callable, or to a receiver's slot.

        Raises
        ------
        SignalError
            When the signal or the receiver's slot does not exist, or the slot cannot be called (recorded too).
        """
        name, count = self._resolve(signature)
        if isinstance(member, str):
            slot_name, _ = split_signature(member)
            slot = getattr(slot, slot_name, None)
        if not callable(slot):
            raise _refuse(f"{signature} of {type(self._owner).__name__}: the slot is not callable")
        self.link(name, slot, count)
        return True

    def link(self, name: str, slot: Callable[..., Any], count: int | None = None) -> None:
        """Connect a signal by name; `count` is its number of arguments (the longest overload when None)."""
        available = _longest(self._owner, name) if count is None else count
        relayed = relay(slot, available)
        self._signal(name).connect(relayed)
        self._links.append(_Link(name, slot, relayed))

    def disconnect(self, signature: str | None = None, slot: Any = None, *_member: object) -> bool:
        """Undo connections of a signal (all of them without arguments); whether there were any."""
        name = None if signature is None else self._resolve(signature)[0]
        return self.unlink(name, slot)

    def unlink(self, name: str | None, slot: Any = None) -> bool:
        """Undo connections by signal name and slot."""
        gone = [k for k in self._links if name in (None, k.signal) and (slot is None or k.slot == slot)]
        for link in gone:
            self._signal(link.signal).disconnect(link.relay)
            self._links.remove(link)
        return bool(gone)


def _longest(owner: QtCore.QObject, name: str) -> int:
    meta = QtCore.QObject.metaObject(owner)
    methods = (meta.method(i) for i in range(meta.methodCount()))
    return max(m.parameterCount() for m in methods if _name(m) == name)


class SignalProxy:
    """A signal as an attribute: ``obj.clicked.connect(f)``, ``obj.clicked.emit(True)``, ``obj.clicked(True)``."""

    def __init__(self, connections: Connections, name: str) -> None:
        self._connections = connections
        self._name = name

    def connect(self, slot: Callable[..., Any]) -> bool:
        """Connect a callable; surplus arguments are trimmed."""
        if isinstance(slot, SignalProxy):
            slot = slot.emit
        self._connections.link(self._name, slot)
        return True

    def disconnect(self, slot: Callable[..., Any] | None = None) -> bool:
        """Disconnect a callable (all when None); whether it was connected."""
        return self._connections.unlink(self._name, slot)

    def emit(self, *args: object) -> None:
        """Emit the signal."""
        self._connections._signal(self._name).emit(*args)

    __call__ = emit
