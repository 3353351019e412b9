"""A worker process that outlives the panel and Slicer: started on its own, found again by its number."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from NeoSegDINOLib.process import end_tree, kill_tree, worker_command, worker_environment

if TYPE_CHECKING:
    from neosegdino.training.run_folder import Status

SAME_S = 2.0
"""Creation times of one process, read twice, differ by less."""
_started: list[subprocess.Popen[bytes]] = []
"""Kept, so that those which have ended are waited for even when nobody follows them any more."""


def start_detached(arguments: list[str], log_file: Path) -> subprocess.Popen[bytes]:
    """Start the worker in a session of its own, without a console window; its output is added to a log file."""
    _started[:] = [process for process in _started if process.poll() is None]
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            worker_command(arguments),
            cwd=log_file.parent,
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            creationflags=_windows_flags(),
        )
    _started.append(process)
    return process


def is_alive(status: Status) -> bool:
    """Whether the process that wrote a status still exists; one that has ended and was not waited for does not."""
    import psutil

    for process in _started:
        process.poll()
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.process_began) < SAME_S
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end_worker(status: Status | None, process: subprocess.Popen[bytes] | None) -> None:
    """Kill the worker that wrote a status, the process that was started here, and all that they started."""
    if status is not None and is_alive(status):
        kill_tree(status.pid)
    if process is not None:
        end_tree(process)


def _windows_flags() -> int:
    """Out of Slicer's group, with a console that nobody sees and that the worker's own children share."""
    if os.name != "nt":
        return 0
    return int(getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0))
