"""Private temporary folder of one job, removed in every case."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from neosegdino.folders import HOST

PREFIX = f"neosegdino-job-{HOST}-"
LONGEST_STEM = 60


def make_job_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder that only this user can read; its name tells the computer and the process that own it.

    The folders of this computer's processes that were killed before they could tidy up are removed first.
    """
    _remove_orphans(Path(tempfile.gettempdir()))
    # A file that a dying process still holds (Windows) must not turn a cancelled job into an error.
    return tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True)


def file_stem(name: str) -> str:
    """File name for a node's name: ASCII letters, digits, dash and underscore, never empty or long."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:LONGEST_STEM]
    return stem or "volume"


def _remove_orphans(root: Path) -> None:
    import psutil

    for folder in root.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
