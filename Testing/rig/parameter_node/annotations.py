"""Annotations of a parameter: limits, choices, defaults, and how a widget shows it."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

T = TypeVar("T")


class Validator(abc.ABC):
    """A rule for a parameter's values."""

    @abc.abstractmethod
    def validate(self, value: Any) -> None:
        """Raise ValueError when the value breaks the rule."""


@dataclass
class WithinRange(Validator):
    """At least `minimum` and at most `maximum`."""

    minimum: float
    maximum: float

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} and {self.maximum}")


@dataclass
class Minimum(Validator):
    """At least `minimum`."""

    minimum: float

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"{value} is less than {self.minimum}")


@dataclass
class Maximum(Validator):
    """At most `maximum`."""

    maximum: float

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"{value} is more than {self.maximum}")


@dataclass
class Choice(Validator):
    """One of `choices`."""

    choices: Sequence[Any]

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value!r} is not one of {list(self.choices)}")


@dataclass
class Exclude(Validator):
    """None of `excludedValues`."""

    excludedValues: Sequence[Any]  # noqa: N815 (Slicer's name)

    def validate(self, value: Any) -> None:
        if value in self.excludedValues:
            raise ValueError(f"{value!r} is one of {list(self.excludedValues)}")


class Default:
    """First value of a parameter, given or generated."""

    def __init__(self, value: Any = None, *, generator: Callable[[], Any] | None = None) -> None:
        self._value = value
        self._generator = generator

    @property
    def value(self) -> Any:
        return self._generator() if self._generator else self._value


@dataclass
class Decimals:
    """Digits after the point that a widget shows."""

    value: int


@dataclass
class SingleStep:
    """Step of a widget's arrows."""

    value: float


def split(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split ``Annotated[type, ...]`` into the type and the annotations."""
    if get_origin(kind) is Annotated:
        bare, *notes = get_args(kind)
        return bare, tuple(notes)
    return kind, ()


def first(notes: Iterable[Any], kind: type[T]) -> T | None:
    """First annotation of a kind, or None."""
    return next((note for note in notes if isinstance(note, kind)), None)
