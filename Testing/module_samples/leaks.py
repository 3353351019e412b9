"""What a job may leave behind: processes, files, threads, observers of the scene."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psutil


def leftovers(jobs: Path) -> list[str]:
    """Processes at work in jobs' folders, files in them, and threads of jobs; empty once all jobs have ended."""
    found = [f"process {process.pid}: {' '.join(process.cmdline())}" for process in processes_in(jobs)]
    found += [f"file {path}" for path in jobs.rglob("*")]
    return found + [f"thread {thread.name}" for thread in threading.enumerate() if thread.name.startswith("NeoSegDINO")]


def processes_in(folder: Path) -> list[psutil.Process]:
    """Running processes whose working folder lies in a folder, also one that has been removed meanwhile."""
    return [process for process in psutil.process_iter() if str(folder) in _place(process)]


def scene_observers(scene: Any) -> int:
    """How many observers a scene has."""
    return str(scene).count("vtkObserver (")


def _place(process: psutil.Process) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.cwd()
    except psutil.Error:  # it has ended meanwhile, or belongs to somebody else
        return ""
