"""Work that must not block the window: done in a thread, its end told in the window's thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import slicer
from neosegdino.errors import NeoSegDINOError

from NeoSegDINOLib.any_error import as_told
from NeoSegDINOLib.timer import Timer

T = TypeVar("T")
POLL_EVERY_MS = 50
POLL_S = 0.01


class Background(Generic[T]):
    """One piece of work.

    Parameters
    ----------
    work : callable
        Called in a thread; touches neither the scene nor Qt.
    on_done : callable
        Called with what the work returned.
    on_error : callable
        Called with why there is nothing.
    """

    def __init__(
        self, work: Callable[[], T], on_done: Callable[[T], None], on_error: Callable[[NeoSegDINOError], None]
    ) -> None:
        self.running = False
        self._work = work
        self._on_done = on_done
        self._on_error = on_error
        self._ends: queue.SimpleQueue[tuple[T | None, NeoSegDINOError | None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="NeoSegDINO background", daemon=True)
        self._timer = Timer(POLL_EVERY_MS, self.poll)

    def start(self) -> None:
        """Start the work; returns at once."""
        self.running = True
        self._thread.start()
        self._timer.start()

    def poll(self) -> None:
        """Take in the end of the work.

        Waits a moment for it: in Slicer a thread runs only while the window's thread lets go of Python's lock.
        """
        if not self.running:
            return
        try:
            result, error = self._ends.get(timeout=POLL_S)
        except queue.Empty:
            return
        self.forget()
        if error is not None:
            self._on_error(error)
        else:
            self._on_done(result)  # type: ignore[arg-type]

    def forget(self) -> None:
        """Tell nobody of the end any more."""
        self.running = False
        self._timer.stop()

    def wait(self) -> None:
        """Wait for the end while the window stays alive."""
        while self.running:
            self.poll()
            slicer.app.processEvents()

    def join(self, timeout_s: float) -> bool:
        """Wait until the thread has ended; False if it took longer."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        result: T | None = None
        error: NeoSegDINOError | None = None
        try:
            result = self._work()
        except Exception as failed:
            error = as_told(failed)
        self._ends.put((result, error))
