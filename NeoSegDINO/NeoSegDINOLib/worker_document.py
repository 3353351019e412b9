"""A worker that answers with one JSON document: the preflight of cases, the estimate of a run."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from neosegdino.errors import Cancelled, OutputError
from slicer.i18n import tr as _

from NeoSegDINOLib.process import end_tree, start_worker
from NeoSegDINOLib.told_error import told_error


class WorkerDocument:
    """One call of the package's command line.

    Parameters
    ----------
    arguments : list of str
        Arguments of the command line.
    folder : Path
        Working folder.
    """

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self._arguments = arguments
        self._folder = folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def read(self) -> dict[str, Any]:
        """Run the worker to its end and return the document (called in a thread).

        Raises
        ------
        NeoSegDINOError
            The worker's own error, or one that says how it died.
        """
        with tempfile.TemporaryFile() as errors:
            with self._lock:
                self._require_not_cancelled()
                self._process = process = start_worker(self._arguments, self._folder, errors)
            text, _none = process.communicate()
            self._require_not_cancelled()
            errors.seek(0)
            said = errors.read().decode("utf-8", errors="replace")
        return _document(text, said, process.returncode)

    def cancel(self) -> None:
        """End the worker and all its processes at once."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                end_tree(self._process)

    def _require_not_cancelled(self) -> None:
        if self._cancelled:
            raise Cancelled(_("Cancelled."))


def _document(text: str, said: str, exit_code: int) -> dict[str, Any]:
    """Document in a worker's output; a worker may print one and still end with an exit code other than 0."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if exit_code != 0:
            raise told_error(said, exit_code) from error
        raise OutputError(_("The worker process ended without a result."), _("Copy the log and report it.")) from error
    if not isinstance(document, dict):
        raise OutputError(_("The worker's result is no JSON object."), _("Please report it."))
    return document
