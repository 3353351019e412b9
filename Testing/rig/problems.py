"""Faults that Qt and VTK swallow: collected here, so that a test can fail on them."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType


class Problems:
    """Record of exceptions raised in slots and observers, and of calls that Slicer would only complain about.

    Qt and VTK print an exception raised in a callback and go on; a test would never see it. `install` puts a hook in
    their way. A test that provokes such a fault on purpose reads it with `take`.
    """

    def __init__(self) -> None:
        self._found: list[str] = []

    def __len__(self) -> int:
        return len(self._found)

    def record(self, message: str) -> None:
        """Remember one fault."""
        self._found.append(message)

    def take(self) -> list[str]:
        """Return all faults so far and forget them."""
        found, self._found = self._found, []
        return found

    def install(self) -> None:
        """Record every exception that reaches the interpreter's hook; it is still printed."""
        sys.excepthook = self._hook

    def _hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self.record("".join(traceback.format_exception(kind, error, trace)))
        sys.__excepthook__(kind, error, trace)


problems = Problems()
