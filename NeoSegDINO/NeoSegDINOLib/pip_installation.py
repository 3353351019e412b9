"""Python packages installed by pip in a worker process, followed without blocking the window.

Slicer's own `pip_install` keeps the process to itself, so that nobody could cancel it; the same call is started here
with `slicer.util.launchConsoleProcess`. It can be cancelled until pip begins to write, which takes seconds.
"""

from __future__ import annotations

import importlib
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import slicer
from neosegdino.errors import Cancelled, DependencyError, NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.pip_output import PipOutput
from NeoSegDINOLib.process import end_tree, python_program

LONGEST_WRITING_S = 120
ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "ascii:backslashreplace",  # Slicer reads in the system's encoding, whatever that is
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


class PipInstallation:
    """Calls of ``pip install``, one after the other.

    Parameters
    ----------
    calls : sequence of sequence of str
        Arguments of each call.
    held : str
        Constraints: packages that pip must leave as they are.

    Attributes
    ----------
    output : PipOutput
        What pip has said so far.
    error : NeoSegDINOError or None
        Why the packages are not there; `Cancelled` if the user did not want them any more.
    """

    current: ClassVar[PipInstallation | None] = None
    """The installation that is at work, if there is one."""
    watchers: ClassVar[list[Callable[[PipInstallation], None]]] = []
    """Called in the window's thread when an installation has begun, and when it has ended."""

    def __init__(self, calls: Sequence[Sequence[str]], held: str) -> None:
        self.output = PipOutput()
        self.error: NeoSegDINOError | None = None
        self._calls = calls
        self._held = held
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False
        self._background: Background[None] = Background(self._work, self._end, self._miss)

    @property
    def running(self) -> bool:
        """Whether its end is not told yet."""
        return self._background.running

    def start(self) -> None:
        """Start; returns at once."""
        PipInstallation.current = self
        self._background.start()
        self._tell()

    def wait(self) -> None:
        """Wait for the end while the window stays alive.

        Raises
        ------
        NeoSegDINOError
            Why the packages are not there.
        """
        self._background.wait()
        if self.error is not None:
            raise self.error

    def cancel(self) -> bool:
        """End pip at once; False, and nothing is ended, if it is writing already."""
        with self._lock:
            if self.output.writing:
                return False
            self._cancelled = True
            if self._process is not None:
                end_tree(self._process)
        return True

    def close(self) -> None:
        """End pip and tell nobody; if it is writing, wait until that is done (the module goes away)."""
        self.cancel()
        self._background.join(LONGEST_WRITING_S)
        self._background.forget()
        self.error = Cancelled(_("The module was closed."))
        PipInstallation.current = None

    def _work(self) -> None:
        with tempfile.TemporaryDirectory(prefix="neosegdino-pip-", ignore_cleanup_errors=True) as folder:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text(self._held, encoding="utf-8")
            for arguments in self._calls:
                options = ["--progress-bar", "raw", "--constraint", str(constraints)]
                self._follow(["-m", "pip", "install", *options, *arguments])

    def _follow(self, arguments: list[str]) -> None:
        with self._lock:
            self._require_not_cancelled()
            self.output.next_call()
            self._process = process = slicer.util.launchConsoleProcess(
                [python_program(), *arguments], useStartupEnvironment=False, updateEnvironment=ENVIRONMENT
            )
        with process:
            for line in process.stdout:
                with self._lock:
                    self.output.add(line)
        with self._lock:
            self._process = None
            self._require_not_cancelled()
        if process.returncode != 0:
            raise DependencyError(
                _("Installing Python packages failed: {error}").format(error=self.output.last_error()),
                _("Check the network connection and try again; the log says more."),
            )

    def _require_not_cancelled(self) -> None:
        if self._cancelled:
            raise Cancelled(_("Cancelled. Nothing more was installed."))

    def _end(self, _nothing: None) -> None:
        importlib.invalidate_caches()
        PipInstallation.current = None
        self._tell()

    def _miss(self, error: NeoSegDINOError) -> None:
        self.error = error
        self._end(None)

    def _tell(self) -> None:
        for watcher in list(PipInstallation.watchers):
            watcher(self)
