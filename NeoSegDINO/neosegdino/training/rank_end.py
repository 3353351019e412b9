"""How a rank ends when another one has ended: with an error that a user can act on."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from neosegdino.errors import TrainingError

GRACE_S = 5.0
"""How long the main thread may take to come out with the error; torchrun kills a rank 30 s after the signal."""
LAST_RESORT_S = 20.0
"""When a process ends that still reports or cleans up, as a library without its peer may do for ever."""
REMEDY = "Look at the message of the process that ended first, then go on where the run was (finetune: --resume)."
_MESSAGE = "Another process of the run ended, or torchrun was told to end the run."


@contextmanager
def ended_by_torchrun() -> Iterator[None]:
    """While inside, the SIGTERM that torchrun sends when a rank has ended raises a `TrainingError`.

    Not every rank can raise it: one waits outside of Python, or the signal comes in a finaliser, where Python prints an
    error and forgets it. A thread then prints the error and ends the process with the error's exit code; the last
    checkpoint is whole, as all checkpoints are. After an error SIGTERM is ignored, so that the error is reported.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left = threading.Event()

    def end(number: int, _frame: object) -> None:
        ignore_sigterm()
        raise TrainingError(_MESSAGE, REMEDY)

    before = signal.signal(signal.SIGTERM, end)
    with _signals_told(lambda: _end_unless(left)):
        try:
            yield
        except BaseException:
            ignore_sigterm()
            raise
        finally:
            left.set()
    signal.signal(signal.SIGTERM, before)


def ignore_sigterm() -> None:
    """Let this process write and report how it ended; torchrun kills it if that takes more than its 30 seconds."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end_unless(left: threading.Event) -> None:
    """End the process where its main thread does not leave the block in time, and later in any case."""
    faulthandler.dump_traceback_later(LAST_RESORT_S, exit=True)
    if left.wait(GRACE_S):
        return
    print(f"Error: {_MESSAGE}\n  Remedy: {REMEDY}", file=sys.stderr, flush=True)
    os._exit(TrainingError.exit_code)


@contextmanager
def _signals_told(on_sigterm: Callable[[], None]) -> Iterator[None]:
    """Call a function in a thread when SIGTERM comes, even while the main thread does not return to Python."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def listen() -> None:
        while number := reader.recv(1):
            if number[0] == signal.SIGTERM:
                on_sigterm()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()
        thread.join(2 * GRACE_S)
        reader.close()
