"""The worker process: the package's command line in Slicer's Python, and the end of its whole tree."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

PACKAGE_PARENT = Path(__file__).resolve().parent.parent
"""Folder that holds the package ``neosegdino``."""


def python_program() -> str:
    """Slicer's Python; outside Slicer this very interpreter."""
    return shutil.which("PythonSlicer") or sys.executable


def worker_program() -> list[str]:
    """Start of the worker's command line: Python and the package."""
    return [python_program(), "-m", "neosegdino"]


def worker_command(arguments: list[str]) -> list[str]:
    """Whole command line of the worker."""
    return [*worker_program(), *arguments]


def start_worker(arguments: list[str], folder: Path, errors: IO[bytes]) -> subprocess.Popen[str]:
    """Start the worker without a console window; what it has started ends with it.

    Parameters
    ----------
    arguments : list of str
        Arguments of the package's command line.
    folder : Path
        Working folder.
    errors : binary file
        Where the worker's standard error goes; its standard output is a pipe of JSON lines.
    """
    process = subprocess.Popen(
        worker_command(arguments),
        cwd=folder,
        env=worker_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if os.name != "nt":  # there a child gets the pipe only if it is told to
        threading.Thread(target=_end_orphans, args=(process,), name="NeoSegDINO worker", daemon=True).start()
    return process


def _end_orphans(process: subprocess.Popen[str]) -> None:
    """Kill what a worker leaves when it ends, as one that is killed does: it would hold the pipe open for ever."""
    process.wait()
    with suppress(ProcessLookupError, PermissionError):  # there is nothing left, or nothing that runs
        os.killpg(process.pid, signal.SIGKILL)


def end_tree(process: subprocess.Popen[Any]) -> None:
    """Kill a process of ours and all that it started; does not wait for their end."""
    if process.poll() is None:
        kill_tree(process.pid)


def kill_tree(pid: int) -> None:
    """Kill a process, by its number, and all that it started; does not wait for their end."""
    try:
        import psutil
    except ModuleNotFoundError:  # the first installation, which may be cancelled, only brings it
        _kill_tree_plainly(pid)
        return
    try:
        root = psutil.Process(pid)
        root.suspend()  # so that it starts nothing new while its children are listed
        tree = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for member in tree:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def _kill_tree_plainly(pid: int) -> None:
    """Kill a process and all that it started with what every system has."""
    if os.name == "nt":
        command = ["taskkill", "/PID", str(pid), "/T", "/F"]
        subprocess.run(command, capture_output=True, check=False, creationflags=subprocess.CREATE_NO_WINDOW)
        return
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    tree = [pid]
    for member in tree:  # which grows meanwhile
        tree += [child for child, parent in pairs if parent == member]
    for member in tree:
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            continue


def worker_environment() -> dict[str, str]:
    """Environment in which the worker finds the package, and nothing in its working folder."""
    environment = dict(os.environ)
    paths = [str(PACKAGE_PARENT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    environment["PYTHONSAFEPATH"] = "1"  # the working folder holds files named by the user: no place for imports
    environment["PYTHONUTF8"] = "1"
    return environment
