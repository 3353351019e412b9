"""JSON lines of the worker: progress, log, result and error; anything else goes into the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import neosegdino.errors as table
from neosegdino.errors import NeoSegDINOError, OutputError
from slicer.i18n import tr as _

from NeoSegDINOLib.job_log import JobLog

KILLED = (-9, 137)
"""Exit codes of a process that was killed, which is how most systems end one that takes too much memory."""


class WorkerMessages:
    """What the worker has said so far, and its exit code at the end."""

    def __init__(self) -> None:
        self.exit_code = 0
        self.note = ""
        """The last warning."""
        self._output: dict[str, Any] | None = None
        self._error: dict[str, Any] | None = None

    def read(self, line: str, log: JobLog) -> tuple[float, str, float | None] | None:
        """Take in one line; returns fraction, stage and remaining seconds if it tells of progress."""
        event = _decode(line)
        kind = event.get("event")
        if kind == "progress":
            return event["fraction"], event["stage"], event["remaining_s"]
        if kind == "log":
            log.add(f"{event['level']}: {event['message']}")
            if event["level"] == "warning":
                self.note = event["message"]
        elif kind == "result":
            self._output = event["output"]
        elif kind == "error":
            self._error = event
        elif line.strip():
            log.add(f"worker: {line.rstrip()}")
        return None

    def output(self, source: Path, name: str, log: JobLog) -> dict[str, Any]:
        """Output of a worker that ended well.

        Parameters
        ----------
        source, name : Path, str
            Input file and the node's name, which takes the file's place in messages.

        Raises
        ------
        NeoSegDINOError
            The worker's own error, or one that says how it died.
        """
        if self._error is not None:
            message, remedy = (self._error[key].replace(str(source), name) for key in ("message", "remedy"))
            raise _error_class(self._error["kind"])(message, remedy)
        if self.exit_code in KILLED:
            raise OutputError(
                _("The worker process was killed (exit code {code}), most likely because memory ran out.").format(
                    code=self.exit_code
                ),
                _("Close other programs or crop the volume, then try again."),
            )
        if self.exit_code != 0:
            raise OutputError(
                _("The worker process died with exit code {code}: {error}").format(
                    code=self.exit_code, error=log.last_error_line()
                ),
                _("Copy the log and report it; if the graphics card is at fault, choose the processor as device."),
            )
        if self._output is None:
            raise OutputError(_("The worker process ended without a result."), _("Copy the log and report it."))
        return self._output


def _decode(line: str) -> dict[str, Any]:
    """Event in a line; empty if the line is none."""
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}


def _error_class(kind: str) -> type[NeoSegDINOError]:
    found = getattr(table, kind, NeoSegDINOError)
    return found if isinstance(found, type) and issubclass(found, NeoSegDINOError) else NeoSegDINOError
