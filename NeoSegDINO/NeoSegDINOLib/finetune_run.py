"""A fine-tuning run in its folder: started, found again, followed, paused, cancelled and gone on with.

The worker is a process of its own that outlives Slicer. All that is known of it stands in the run's folder; here
only small files are read, and nothing waits.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import slicer
from neosegdino.errors import Cancelled, NeoSegDINOError, TrainingError
from slicer.i18n import tr as _

from NeoSegDINOLib import close_guard
from NeoSegDINOLib.detached import end_worker, is_alive, start_detached
from NeoSegDINOLib.finetune_settings import arguments_of
from NeoSegDINOLib.job_log import JobLog
from NeoSegDINOLib.remembered_run import remember, working_elsewhere
from NeoSegDINOLib.timer import Timer
from NeoSegDINOLib.told_error import told_error

if TYPE_CHECKING:
    from neosegdino.training.run_folder import CurvePoint, Status
    from neosegdino.training.settings import FinetuneSettings

State = Literal[
    "none", "starting", "training", "pausing", "cancelling", "paused", "cancelled", "failed", "interrupted", "finished"
]
WORKING = ("starting", "training", "pausing", "cancelling")
RESUMABLE = ("paused", "cancelled", "failed", "interrupted")
POLL_EVERY_MS = 1000
POLL_SOON_MS = 100
PATIENCE_S = 1.5
"""Time that a worker has to obey a cancel before it is killed."""
UNREADABLE_S = 5.0
"""A file that cannot be read for this long is damaged, not just being replaced."""


class FinetuneRun:
    """One run.

    Parameters
    ----------
    folder : Path
        The run's folder.
    on_change : callable, optional
        Called with this run whenever its state or its status has changed.

    Attributes
    ----------
    folder : Path
        The run's folder.
    state : str
        ``none`` where the folder holds no run; ``interrupted`` for a run whose worker was ended from outside.
    status : Status or None
        What the worker has written last.
    error : NeoSegDINOError or None
        Why a run has failed.
    """

    def __init__(self, folder: Path, on_change: Callable[[FinetuneRun], None] | None = None) -> None:
        from neosegdino.training.run_folder import RunFolder

        self.folder = folder
        self.state: State = "none"
        self.status: Status | None = None
        self.error: NeoSegDINOError | None = None
        self.files = RunFolder(folder)
        self._on_change = on_change
        self._worker: subprocess.Popen[bytes] | None = None
        self._former: Status | None = None
        self._log_start = 0
        self._asked: Literal["pause", "cancel"] | None = None
        self._asked_at = 0.0
        self._readable_at = time.monotonic()
        self._timer = Timer(POLL_EVERY_MS, self.poll)

    @property
    def working(self) -> bool:
        """Whether a worker is at work."""
        return self.state in WORKING

    @property
    def there(self) -> bool:
        """Whether the folder holds a run, or one is being started in it."""
        return self.working or (self.state != "none" and self.files.status_file.is_file())

    @property
    def resumable(self) -> bool:
        """Whether the run can go on from its last checkpoint."""
        return self.state in RESUMABLE and self.files.plan_file.is_file()

    @property
    def bundle(self) -> Path | None:
        """Folder of the finished model, wherever the run's folder is now."""
        if self.state != "finished":
            return None
        try:
            return self.files.bundle_of(self.files.read_plan())
        except TrainingError:
            return None

    @property
    def model(self) -> str:
        """Name of the model that comes out; the folder's name before there is a plan."""
        try:
            return self.files.read_plan().settings.name
        except TrainingError:
            return self.folder.name

    @property
    def log(self) -> str:
        """The end of the worker's output, for a report."""
        log = JobLog()
        log.add(f"run: {self.folder}, {self.state}")
        if self.error is not None:
            log.add(f"error: {self.error}")
        if self.files.log_file.is_file():
            log.add_file(self.files.log_file)
        return log.text()

    def curves(self) -> list[CurvePoint]:
        """Figures of all epochs so far; none while they cannot be read."""
        try:
            return self.files.read_curves()
        except TrainingError:
            return []

    def start(self, source: Path, settings: FinetuneSettings, *, leave_out_bad: bool = False) -> None:
        """Start the worker; returns at once.

        Raises
        ------
        TrainingError
            If a run is at work, or the folder holds a run already.
        OutputError
            If the folder cannot be written to.
        """
        self.require_startable()
        options = ["--leave-out-bad"] if leave_out_bad else []
        self._launch([str(source), "--out", str(self.folder), *arguments_of(settings), *options])

    def require_startable(self) -> None:
        """Check that a new run can be started in the folder.

        Raises
        ------
        TrainingError
            If a run is at work, or the folder holds a run already.
        """
        self._require_none_working()
        if self.files.plan_file.exists():
            raise TrainingError(
                _("{folder} holds a run already.").format(folder=self.folder),
                _("Resume it, or choose another folder for a new run."),
            )

    def resume(self, device: str = "") -> None:
        """Go on from the last checkpoint; returns at once.

        Raises
        ------
        TrainingError
            If a run is at work, or there is nothing to go on with.
        OutputError
            If the folder cannot be written to.
        """
        self._require_none_working()
        if not self.resumable:
            raise TrainingError(
                _("There is nothing to go on with in {folder}.").format(folder=self.folder), _("Start a new run.")
            )
        self._launch(["--resume", str(self.folder), *(["--device", device] if device else [])])

    def pause(self) -> None:
        """Ask the worker to write a checkpoint and end."""
        self._ask("pause")

    def cancel(self) -> None:
        """Ask the worker to end; one that does not obey soon is killed."""
        self._ask("cancel")

    def follow(self) -> None:
        """Look at the run now, and about once a second while its worker is at work."""
        self.poll()
        self._schedule()

    def leave(self) -> None:
        """Follow the run no longer; its worker goes on."""
        self._timer.stop()
        self._on_change = None
        close_guard.forget(self)

    def poll(self) -> None:
        """Take in what the worker has written."""
        before = (self.state, self.status, self.error)
        self._look()
        if self._asked == "cancel" and self.working and time.monotonic() - self._asked_at > PATIENCE_S:
            self._kill()
        if not self.working:
            self._asked = None
        self._schedule()
        if (self.state, self.status, self.error) != before:
            self._tell(before[0])

    def wait(self) -> str:
        """Wait for the end while the window stays alive.

        Returns
        -------
        str
            Folder of the finished bundle.

        Raises
        ------
        NeoSegDINOError
            Why there is none.
        """
        while self.working:
            slicer.app.processEvents()
            time.sleep(0.01)
        if self.bundle is not None:
            return str(self.bundle)
        raise self.error or Cancelled(state_in_words(self.state), _("resume() goes on from the last checkpoint."))

    def _require_none_working(self) -> None:
        self._look()
        elsewhere = working_elsewhere(self.folder)
        if self.working or elsewhere is not None:
            raise TrainingError(
                _("A fine-tuning run is at work in {folder}.").format(folder=elsewhere or self.folder),
                _("Wait for it, pause it or cancel it."),
            )

    def _launch(self, arguments: list[str]) -> None:
        from neosegdino.folders import cannot_write

        self._end_former_worker()
        log_file = self.files.log_file
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.files.request_file.unlink(missing_ok=True)
            self._log_start = log_file.stat().st_size if log_file.exists() else 0
            self._worker = start_detached(["finetune", *arguments, "--progress", "none"], log_file)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        self._former = self.status
        logging.info("NeoSegDINO: fine-tuning in %s", self.folder)
        self._asked = None
        before, self.state, self.status, self.error = self.state, "starting", None, None
        remember(self.folder)
        self._schedule()
        self._tell(before)

    def _end_former_worker(self) -> None:
        """A worker that has said that it is done has a moment to end."""
        if self._worker is not None:
            try:
                self._worker.wait(timeout=2)
            except subprocess.TimeoutExpired:
                end_worker(None, self._worker)

    def _ask(self, request: Literal["pause", "cancel"]) -> None:
        if not self.working:
            return
        self.files.ask(request)
        self._asked, self._asked_at = request, time.monotonic()
        self.poll()

    def _look(self) -> None:
        """Find out state, status and error."""
        try:
            status = self.files.read_status()
        except TrainingError as error:  # it may be about to be replaced
            if time.monotonic() - self._readable_at > UNREADABLE_S:
                self.state, self.error = "failed", error
            return
        self._readable_at = time.monotonic()
        exit_code = None if self._worker is None else self._worker.poll()
        if self._worker is not None and status == self._former:
            self._look_at_silent_worker(exit_code)
        elif status is None:
            self.state, self.status, self.error = "none", None, None
        else:
            self.status = status
            self.state = self._state_of(status)
            self.error = TrainingError(status.message, status.remedy) if self.state == "failed" else None

    def _look_at_silent_worker(self, exit_code: int | None) -> None:
        """A worker that was started here and has not written anything yet."""
        if exit_code is None:
            self.state, self.status = self._asked_state("starting"), None
            return
        self._worker = None
        self.status = self._former
        if self._asked == "cancel":
            self.state = "cancelled"
            return
        self.state = "failed"
        self.error = self._why(exit_code)

    def _why(self, exit_code: int) -> NeoSegDINOError:
        """Why the latest worker ended, by what it has put into the log."""
        try:
            with self.files.log_file.open("rb") as log:
                log.seek(self._log_start)
                said = log.read().decode("utf-8", errors="replace")
        except OSError as error:
            return TrainingError(
                _("The log of the run cannot be read: {error}.").format(error=error),
                _("Bring the folder of the run back if it was removed or moved, or choose another one."),
            )
        return told_error(said, exit_code)

    def _state_of(self, status: Status) -> State:
        if status.state not in ("starting", "training"):
            return status.state
        if is_alive(status):
            return self._asked_state("training")
        return "interrupted"

    def _asked_state(self, otherwise: State) -> State:
        if self._asked is None:
            return otherwise
        return "pausing" if self._asked == "pause" else "cancelling"

    def _kill(self) -> None:
        """End a worker that does not obey, and leave the folder as one that has obeyed would."""
        import msgspec

        status = self.status
        end_worker(status, self._worker)
        self.files.request_file.unlink(missing_ok=True)
        if status is not None:
            self.files.write_status(msgspec.structs.replace(status, state="cancelled", remaining_s=None))
            self._look()
        self.state = "cancelled"
        self._worker = None

    def _schedule(self) -> None:
        if not self.working:
            self._timer.stop()
            return
        self._timer.every_ms = POLL_EVERY_MS if self._asked is None else POLL_SOON_MS
        self._timer.start()

    def _tell(self, before: State) -> None:
        if self.state == "failed" and before != "failed":
            logging.error("NeoSegDINO: %s", self.error)
        close_guard.watch(self)
        if self._on_change is not None:
            self._on_change(self)


def state_in_words(state: State) -> str:
    """Say how a run stands."""
    return {
        "none": _("No run"),
        "starting": _("Starting"),
        "training": _("Training"),
        "pausing": _("Pausing after this step"),
        "cancelling": _("Cancelling"),
        "paused": _("Paused"),
        "cancelled": _("Cancelled"),
        "failed": _("Failed"),
        "interrupted": _("Interrupted"),
        "finished": _("Finished"),
    }[state]


def run_in(folder: Path, on_change: Callable[[FinetuneRun], Any] | None = None) -> FinetuneRun | None:
    """The run that a folder holds, looked at once; None where there is none or the packages are missing."""
    if not (folder / "status.json").is_file():
        return None
    try:
        run = FinetuneRun(folder, on_change)
    except ModuleNotFoundError:
        return None
    run.poll()
    return run
