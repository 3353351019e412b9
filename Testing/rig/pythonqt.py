"""PySide6 classes with the manners of PythonQt, and stricter where PythonQt only prints.

A Qt property is a value, an unknown attribute cannot be written, signals are connected by their C++ signature, slots
get as many arguments as they take, constructors have no keywords, and the classes do not inherit from one another.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from PySide6 import QtCore

from rig.connections import Connections, SignalProxy

# Properties that C++ reads through virtual methods of the same name, which subclasses override: they stay methods.
VIRTUAL_GETTERS = frozenset({"sizeHint", "minimumSizeHint"})

# Not empty while a form is loaded: PySide6's loader, unlike PythonQt's, writes each child as an attribute of the form.
loading_form: list[bool] = []

_wrapped: dict[type, type] = {}
_bases: dict[type, type] = {}
_BUILTIN = type(len)
T = TypeVar("T", bound=type)


def coerce(type_name: str, value: object) -> object:
    """Convert a value to a property's C++ type as PythonQt does.

    Raises
    ------
    TypeError
        When PythonQt would not accept a value of this type.
    """
    if type_name in ("int", "uint", "qlonglong") and isinstance(value, int | float):
        return int(value)
    if type_name in ("double", "float") and isinstance(value, int | float):
        return float(value)
    if type_name == "bool" and isinstance(value, int):
        return bool(value)
    if type_name == "QString" and isinstance(value, str):
        return value
    if type_name == "QStringList" and isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return list(value)
    if type_name in ("int", "uint", "qlonglong", "double", "float", "bool", "QString", "QStringList"):
        raise TypeError(f"does not accept an object of type {type(value).__name__} (wants {type_name})")
    return value


class AdoptingCall:
    """A C++ method whose returned Qt objects get PythonQt's manners too."""

    __slots__ = ("__name__", "__self__", "_call")

    def __init__(self, owner: object, name: str, call: Callable[..., Any]) -> None:
        self.__self__ = owner
        self.__name__ = name
        self._call = call

    def __call__(self, *args: object) -> object:
        return adopt(self._call(*(released(a) for a in args)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AdoptingCall) and (self.__self__, self.__name__) == (other.__self__, other.__name__)

    def __hash__(self) -> int:
        return hash((id(self.__self__), self.__name__))


class PythonQtObject:
    """Manners shared by every wrapped class."""

    # C++ signatures of signals that Python code declares with a type Qt does not know (a node, a scene).
    cpp_signals: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: object) -> None:
        super().__init__(*(released(a) for a in args))

    def __getattribute__(self, name: str) -> Any:
        if name in ("connect", "disconnect"):  # PySide resolves these two before any class attribute
            return getattr(Connections.of(self), name)
        value = super().__getattribute__(name)
        if isinstance(value, QtCore.SignalInstance):
            return SignalProxy(Connections.of(self), name)
        if type(value) is _BUILTIN and not name.startswith("__"):
            return AdoptingCall(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        cls = type(self)
        if not cls.__dict__.get("_pythonqt_native"):  # a Python subclass may keep attributes, as in PythonQt
            super().__setattr__(name, value)
            return
        member = inspect.getattr_static(cls, name, None)
        if name not in private_names(cls) and not isinstance(member, property | QtCore.Property):
            if loading_form and isinstance(value, QtCore.QObject):
                return
            raise AttributeError(f"{cls.__name__} has no attribute {name!r} to write")
        super().__setattr__(name, value)

    def className(self) -> str:  # noqa: N802
        """Name of the C++ class."""
        return next(c.__name__ for c in type(self).__mro__ if c.__dict__.get("_pythonqt_native"))

    def isA(self, name: str) -> bool:  # noqa: N802
        """Whether the object's C++ class is, or inherits from, the named one."""
        return any(c.__name__ == name for c in type(self).__mro__)

    def findChildren(self, kind: type | str = QtCore.QObject, name: str | None = None) -> tuple[QtCore.QObject, ...]:  # noqa: N802
        """Descendants of a class (wrapped class or its name)."""
        found: list[Any] = QtCore.QObject.findChildren(self, QtCore.QObject)  # type: ignore[call-overload]
        wanted = _bases.get(kind, kind) if isinstance(kind, type) else kind
        matching = [c for c in found if (c.inherits(wanted) if isinstance(wanted, str) else isinstance(c, wanted))]
        return tuple(adopt(c) for c in matching if name is None or QtCore.QObject.objectName(c) == name)

    def findChild(self, kind: type | str, name: str | None = None) -> QtCore.QObject | None:  # noqa: N802
        """First descendant of a class, or None."""
        found = self.findChildren(kind, name)
        return found[0] if found else None

    def children(self) -> tuple[QtCore.QObject, ...]:
        """Direct children."""
        return tuple(adopt(c) for c in QtCore.QObject.children(self))  # type: ignore[arg-type]


def private_names(cls: type) -> frozenset[str]:
    """Names of the attributes that a stand-in's class body annotates: its own state, writable by itself."""
    return frozenset(n for c in cls.__mro__ if c.__dict__.get("_pythonqt_native") for n in c.__dict__["_private"])


def native(cls: T) -> T:
    """Class decorator: instances behave like a C++ class (writing an attribute that was not declared raises)."""
    setattr(cls, "_pythonqt_native", True)  # noqa: B010 (no class declares it)
    setattr(cls, "_private", frozenset(n for n in inspect.get_annotations(cls) if n.startswith("_")))  # noqa: B010
    return cls


def _property(base: type, meta: Any) -> property:
    name, type_name = str(meta.name()), str(meta.typeName())
    capital = name[0].upper() + name[1:]
    reader = next((getattr(base, n) for n in (name, f"is{capital}") if callable(getattr(base, n, None))), None)
    if issubclass(base, QtCore.QCoreApplication):  # its readers are static
        reader = None
    writer = getattr(base, f"set{capital}", None)
    is_enum = meta.isEnumType() or meta.isFlagType()

    def read(self: QtCore.QObject) -> object:
        # The C++ method is called by its class, because a lookup on the object would find this property again.
        return adopt(reader(self) if reader is not None else QtCore.QObject.property(self, name))

    def write(self: QtCore.QObject, value: object) -> None:
        if not meta.isWritable():
            raise AttributeError(f"Property {name!r} of {base.__name__} is not writable")
        try:
            converted = coerce(type_name, value)
        except TypeError as error:
            raise AttributeError(f"Property {name!r} of {base.__name__} {error}") from None
        if writer is not None and (is_enum or converted is None):
            writer(self, converted)
        elif not QtCore.QObject.setProperty(self, name, converted):
            raise AttributeError(f"Property {name!r} of {base.__name__} does not accept {value!r}")

    return property(read, write)


def wrap(base: Any) -> type:
    """Return the PythonQt-like class of a PySide6 class (always the same one)."""
    if base not in _wrapped:
        meta = base.staticMetaObject
        members: dict[str, Any] = (
            {"__module__": "qt", "exec_": _exec} if hasattr(base, "exec") else {"__module__": "qt"}
        )
        for index in range(meta.propertyCount()):
            entry = meta.property(index)
            if entry.name() not in VIRTUAL_GETTERS:
                members[entry.name()] = _property(base, entry)
        members["name"] = members["objectName"]
        _wrapped[base] = native(type(base.__name__, (PythonQtObject, base), members))
        _bases[_wrapped[base]] = base
    return _wrapped[base]


def _exec(self: Any, *args: object) -> object:
    return self.exec(*args)


class Foreign:
    """A Qt object that C++ made (a table's header, a dialog's button), seen with PythonQt's manners."""

    __slots__ = ("_target",)

    def __init__(self, target: QtCore.QObject) -> None:
        object.__setattr__(self, "_target", target)

    def __getattr__(self, name: str) -> Any:
        target = self._target
        member = getattr(wrap(type(target)), name)
        if isinstance(member, property):
            return member.__get__(target)
        if name in ("connect", "disconnect"):
            return getattr(Connections.of(target), name)
        value = getattr(target, name) if hasattr(type(target), name) else member.__get__(target)
        if isinstance(value, QtCore.SignalInstance):
            return SignalProxy(Connections.of(target), name)
        return AdoptingCall(target, name, value) if callable(value) else value

    def __setattr__(self, name: str, value: object) -> None:
        member = getattr(wrap(type(self._target)), name, None)
        if not isinstance(member, property):
            raise AttributeError(f"{type(self._target).__name__} has no attribute {name!r} to write")
        member.__set__(self._target, value)

    def __eq__(self, other: object) -> bool:
        return released(other) is self._target

    def __hash__(self) -> int:
        return hash(self._target)

    def className(self) -> str:  # noqa: N802
        """Name of the C++ class."""
        return str(self._target.metaObject().className())


def adopt(value: Any) -> Any:
    """Give a Qt object that C++ made PythonQt's manners; lists become tuples, as in PythonQt."""
    if isinstance(value, list | tuple):
        return tuple(adopt(v) for v in value)
    if isinstance(value, QtCore.QObject) and type(value).__module__.startswith("PySide6."):
        return Foreign(value)
    return value


def released(value: Any) -> Any:
    """Return the PySide6 object behind a `Foreign`; other values pass."""
    return object.__getattribute__(value, "_target") if isinstance(value, Foreign) else value


def qproperty(kind: Any, read: Callable[[Any], Any], write: Callable[[Any, Any], None]) -> QtCore.Property:
    """Declare a Q_PROPERTY on a stand-in widget, with PythonQt's conversions (a list of strings is read as a tuple)."""
    if kind == "QStringList":
        given = read
        read = lambda self: tuple(given(self))  # noqa: E731
    name = {int: "int", float: "double", bool: "bool", str: "QString"}.get(kind, str(kind))
    return QtCore.Property(kind, read, lambda self, value: write(self, coerce(name, value)))


def stored(kind: Any, name: str, default: object) -> QtCore.Property:
    """Declare a Q_PROPERTY that is only kept (the look that it would change is not drawn)."""
    key = f"_stored_{name}"

    def read(self: Any) -> object:
        return self.__dict__.get(key, default)

    def write(self: Any, value: object) -> None:
        self.__dict__[key] = value

    return qproperty(kind, read, write)
