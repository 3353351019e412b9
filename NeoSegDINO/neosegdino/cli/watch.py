"""Ending in an orderly way: on signals, and with the process that started this one."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from neosegdino.errors import Cancelled

if TYPE_CHECKING:
    import psutil

_INTERVAL_S = 1.0
_GRACE_S = 20.0
_EXIT_CODE = Cancelled.exit_code


@contextmanager
def cancel_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and Ctrl-C set, for the work to end at its next step; a second one ends it at once."""
    cancelled = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        cancelled.set()
        signal.signal(number, before[number])

    before: dict[int, Any] = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield cancelled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent(cancelled: threading.Event) -> None:
    """Watch the parent process from a thread: once it is gone, cancel, and should that take long, end the process.

    Raises
    ------
    Cancelled
        The parent is gone already.
    """
    import psutil

    try:
        parent = psutil.Process(os.getppid())
    except psutil.NoSuchProcess as error:
        raise Cancelled("Cancelled: the process that started this one is gone.") from error
    threading.Thread(target=_watch, args=(parent, cancelled), daemon=True).start()


def _watch(parent: psutil.Process, cancelled: threading.Event) -> None:
    # On Windows a process keeps the number of a dead parent, so that the parent itself is asked as well.
    while os.getppid() == parent.pid and parent.is_running():
        time.sleep(_INTERVAL_S)
    cancelled.set()
    time.sleep(_GRACE_S)
    os._exit(_EXIT_CODE)
