"""Encoder weights brought by the worker: downloaded, or taken from a file. It can be paused and cancelled."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from neosegdino.errors import Cancelled, NeoSegDINOError

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.job import ProgressUpdate
from NeoSegDINOLib.job_log import JobLog
from NeoSegDINOLib.messages import WorkerMessages
from NeoSegDINOLib.process import end_tree, start_worker

if TYPE_CHECKING:
    from neosegdino.weights_store import Name


class WeightsJob:
    """One call of the package's command line.

    Parameters
    ----------
    name : Name
        Which weights; their licence is accepted.
    source : Path or None
        File to take; None downloads.
    on_done, on_error : callable
        Called once with the weights' path, or with why there are none; `Cancelled` when it was paused or cancelled.

    Attributes
    ----------
    progress : ProgressUpdate
        How far it is.
    log : JobLog
        What the worker said.
    """

    def __init__(
        self,
        name: Name,
        source: Path | None,
        on_done: Callable[[Path], None],
        on_error: Callable[[NeoSegDINOError], None],
    ) -> None:
        self.progress = ProgressUpdate(0.0, "start", None)
        self.log = JobLog()
        self._name = name
        self._source = source
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._discards = False
        self._background: Background[Path] = Background(self._work, on_done, on_error)

    @property
    def downloads(self) -> bool:
        """Whether this is a download, which can be paused."""
        return self._source is None

    def start(self) -> None:
        """Start; returns at once."""
        self._background.start()

    def pause(self) -> None:
        """End the worker at once; what has come is kept, and the next download goes on from there."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                end_tree(self._process)

    def cancel(self) -> None:
        """End the worker at once; nothing of the download is kept."""
        self._discards = True
        self.pause()

    def leave(self, timeout_s: float) -> None:
        """Pause, wait until nothing runs any more, and tell nobody (the module goes away)."""
        self._background.forget()
        self.pause()
        self._background.join(timeout_s)

    def _arguments(self) -> list[str]:
        options = ["--tag", self._name.tag, "--progress", "json"]
        if self._source is None:
            return ["models", "fetch", self._name.architecture, *options]
        return ["models", "use-file", self._name.architecture, str(self._source), *options]

    def _work(self) -> Path:
        """Follow the worker to its end (in a thread)."""
        from neosegdino import hub

        with tempfile.TemporaryDirectory(prefix="neosegdino-weights-", ignore_cleanup_errors=True) as folder:
            messages = self._follow(Path(folder))
        if self._discards:
            hub.discard(self._name.architecture, self._name.tag)
        self._require_not_stopped()
        output = messages.output(Path(str(self._name)), str(self._name), self.log)
        return Path(output["weights"])

    def _follow(self, folder: Path) -> WorkerMessages:
        messages, errors = WorkerMessages(), folder / "stderr.txt"
        with errors.open("wb") as sink:
            with self._lock:
                self._require_not_stopped()
                self._process = process = start_worker(self._arguments(), folder, sink)
            with process:
                for line in process.stdout or ():
                    update = messages.read(line, self.log)
                    if update is not None:
                        self.progress = ProgressUpdate(*update)
        messages.exit_code = process.returncode
        self.log.add_file(errors)
        return messages

    def _require_not_stopped(self) -> None:
        if self._stopped:
            raise Cancelled("Cancelled.")
