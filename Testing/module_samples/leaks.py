"""What jobs may leave behind: processes, files, threads, observers of the scene."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

LONGEST_S = 5.0
"""A process that has been killed is still there for a moment."""


def wait_for_no_leftovers(jobs: Path) -> None:
    """Require that jobs in a folder, all ended, have left nothing there and no process or thread."""
    deadline = time.monotonic() + LONGEST_S
    while found := leftovers(jobs):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def leftovers(jobs: Path) -> list[str]:
    """Processes at work in jobs' folders, files in them, and the threads that follow workers."""
    found = [f"process {process.pid}" for process in processes_in(jobs)]
    found += [f"file {path}" for path in jobs.rglob("*")]
    return found + [f"thread {thread.name}" for thread in threading.enumerate() if thread.name.startswith("NeoSegDINO")]


def processes_in(folder: Path) -> list[psutil.Process]:
    """Running processes whose working folder lies in a folder, also one that has been removed meanwhile."""
    return [process for process in psutil.process_iter() if _place(process).startswith(str(folder))]


def kill_workers(jobs: Path) -> int:
    """Kill the workers in jobs' folders, but none of their children; returns how many there were."""
    workers = [child for child in psutil.Process().children() if _place(child).startswith(str(jobs))]
    for worker in workers:
        with suppress(psutil.NoSuchProcess):  # it has ended by itself meanwhile
            worker.kill()
    return len(workers)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def soon_gone(pid: int) -> bool:
    """Whether a process has ended or, as one that has just been killed, ends within moments."""
    deadline = time.monotonic() + LONGEST_S
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return gone(pid)


def scene_observers(scene: Any) -> int:
    """How many observers a scene has."""
    return str(scene).count("vtkObserver (")


def _place(process: psutil.Process) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.cwd()
    except psutil.Error:  # it has ended meanwhile, or belongs to somebody else
        return ""
