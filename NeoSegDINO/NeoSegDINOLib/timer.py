"""A timer of the window's thread that lets go of what it calls."""

from __future__ import annotations

from collections.abc import Callable

import qt


class Timer:
    """Calls a function again and again while it runs.

    It is connected only meanwhile: a connection would keep the function's object, which owns the timer, for ever.

    Parameters
    ----------
    every_ms : int
        Time between two calls.
    on_tick : callable
        The function.
    once : bool, optional
        Whether it ends with the first call.
    """

    def __init__(self, every_ms: int, on_tick: Callable[[], None], *, once: bool = False) -> None:
        self.every_ms = every_ms
        self._on_tick = on_tick
        self._once = once
        self._running = False
        self._timer = qt.QTimer()

    def start(self) -> None:
        """Start, or start over."""
        if not self._running:
            self._timer.connect("timeout()", self._tick)
        self._running = True
        self._timer.start(self.every_ms)

    def stop(self) -> None:
        """Call no more."""
        if self._running:
            self._timer.disconnect("timeout()", self._tick)
        self._running = False
        self._timer.stop()

    def _tick(self) -> None:
        if self._once:
            self.stop()
        self._on_tick()
