"""What pip says while it works, as progress for people."""

from __future__ import annotations

import re

from slicer.i18n import tr as _

_COLLECTING = re.compile(r"\s*Collecting (\S+?)(?:[<>=!~;\[ (].*)?")
_DOWNLOADING = re.compile(r"\s*Downloading (\S+)(?: \((.+)\))?")
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_WRITING = "Installing collected packages"
_ERROR = "ERROR: "


class PipOutput:
    """Takes in pip's lines; added by the thread that reads them, asked by the window's.

    Attributes
    ----------
    text : str
        What pip is doing, in words.
    percent : int or None
        How much of the file that is being downloaded is there; None while that is not known.
    writing : bool
        Whether pip has begun to write into Slicer's Python.
    """

    def __init__(self) -> None:
        self.text = _("Starting \u2026")
        self.percent: int | None = None
        self.writing = False
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        """Take in one line."""
        line = line.rstrip()
        if progress := _PROGRESS.fullmatch(line):
            done, size = int(progress[1]), int(progress[2])
            self.percent = 100 * done // size if size else None
            return
        self._lines.append(line)
        self.percent = None
        if found := _COLLECTING.fullmatch(line):
            self.text = _("Looking for {name}").format(name=found[1])
        elif found := _DOWNLOADING.fullmatch(line):
            size = f"({found[2]})" if found[2] else ""
            self.text = _("Downloading {what} {size}").format(what=_package(found[1]), size=size).strip()
        elif line.strip().startswith(_WRITING):
            self.writing = True
            self.text = _("Writing the packages into Slicer's Python \u2026")

    def next_call(self) -> None:
        """Another call of pip begins."""
        self.writing = False
        self.percent = None

    def last_error(self) -> str:
        """Last error of pip, or its last line."""
        errors = [line.removeprefix(_ERROR) for line in self._lines if line.startswith(_ERROR)]
        return (errors or self._lines or ["pip left no message"])[-1]

    def log(self) -> str:
        """Return all that pip has said."""
        return "\n".join(self._lines)


def _package(url: str) -> str:
    """Name and version in a wheel's file name; another file's name as it is."""
    file = url.rpartition("/")[2].removesuffix(".metadata")
    return " ".join(file.split("-")[:2]) if file.endswith(".whl") else file
