"""Log of one job, as the panel's button copies it."""

from __future__ import annotations

import platform
from pathlib import Path

import neosegdino

LONGEST_FILE = 64 * 1024


class JobLog:
    """Lines of text; added by the job's thread, read by the window's."""

    def __init__(self) -> None:
        self._errors = ""
        self._lines = [
            f"NeoSegDINO {neosegdino.__version__}, Python {platform.python_version()}, {platform.platform()}"
        ]

    def add(self, line: str) -> None:
        """Add one line."""
        self._lines.append(line)

    def add_file(self, path: Path) -> None:
        """Add the end of a text file, which may be long or not UTF-8."""
        self._errors = path.read_bytes()[-LONGEST_FILE:].decode("utf-8", errors="replace").rstrip()
        if self._errors:
            self._lines += ["standard error of the worker:", self._errors]

    def last_error_line(self) -> str:
        """Last line of the added file, which is the exception where a traceback ends it."""
        return self._errors.splitlines()[-1].strip() if self._errors else "it left no message"

    def text(self) -> str:
        """Return the whole log."""
        return "\n".join(self._lines)
