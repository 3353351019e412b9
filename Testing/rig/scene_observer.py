"""Observation of VTK objects by widgets that may die first."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


class Observers:
    """Observations made by one owner; all are undone with `clear`, or when the owner is collected.

    The observed objects hold only a weak reference to the owner.
    """

    def __init__(self, owner: Any) -> None:
        self._owner = weakref.ref(owner)
        self._tags: list[tuple[Any, int]] = []
        weakref.finalize(owner, _remove, self._tags)

    def add(self, target: Any, event: Any, method: Callable[[Any], None]) -> None:
        """Call an unbound method of the owner at each event of the target."""
        owner = self._owner

        def relay(_caller: Any, _event: Any) -> None:
            alive = owner()
            if alive is not None:
                method(alive)

        self._tags.append((target, target.AddObserver(event, relay)))

    def clear(self) -> None:
        """Undo all observations."""
        _remove(self._tags)


def _remove(tags: list[tuple[Any, int]]) -> None:
    for target, tag in tags:
        target.RemoveObserver(tag)
    tags.clear()
