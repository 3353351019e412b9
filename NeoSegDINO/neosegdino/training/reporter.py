"""What a run says of itself while it works: its status file, and progress events."""

from __future__ import annotations

import os
import time
from typing import Any

import msgspec

from neosegdino.errors import Cancelled, NeoSegDINOError, OutputError, Paused
from neosegdino.progress import Progress
from neosegdino.training.run_folder import RunFolder, Status

STAGES = {"check": 1.0, "train": 30.0, "evaluate": 6.0, "write": 0.5}
"""Stages of a run and their expected shares of the time."""
_BEFORE_TRAINING = ("", "check")
_EVERY_S = 0.5
_HOW_FAR = ("fraction", "epoch", "epochs", "step", "steps", "best_epoch", "best_dice")
_RECENT = 40
"""Steps over which the rate is measured."""


class Reporter:
    """Keeps a run's status up to date, and takes the requests of those who watch.

    Parameters
    ----------
    folder : RunFolder
        Where the status is written.
    progress : Progress
        Told about the same work; may cancel it.
    active : bool
        Whether this process is the one of the run that writes (the first rank).
    """

    def __init__(self, folder: RunFolder, progress: Progress, active: bool = True) -> None:
        import psutil

        self._folder = folder
        self._progress = progress
        self._active = active
        self._former = folder.read_status() if active else None
        self._status = _begun(self._former, os.getpid(), psutil.Process().create_time())
        self._written = 0.0
        self._ends: list[float] = []
        progress.plan(STAGES)
        if active:
            folder.take_request()  # one that an earlier worker did not live to obey
        self._write(at_once=True)

    def stage(self, name: str, total: int = 1, **fields: Any) -> None:
        """Begin a stage."""
        self._ends = [time.monotonic()]
        self._set(stage=name, **fields)
        self._write(at_once=True)
        self._progress.start(name, total)

    def step(self, **fields: Any) -> None:
        """A training step is done.

        Raises
        ------
        Paused, Cancelled
            Somebody asked for it.
        """
        self._ends = [*self._ends[-_RECENT:], time.monotonic()]
        self._set(**fields)
        status = self._status
        rate = (self._ends[-1] - self._ends[0]) / max(1, len(self._ends) - 1)
        self._set(fraction=round(status.step / max(1, status.steps), 4))
        self._set(remaining_s=round(rate * (status.steps - status.step), 1))
        self._write()
        self.obey()
        self._progress.advance()

    def tell(self, **fields: Any) -> None:
        """Write what has changed beside the steps."""
        self._set(**fields)
        self._write(at_once=True)

    def advance(self) -> None:
        """One step of a stage other than training is done."""
        self._progress.advance()

    def asked(self) -> bool:
        """Whether a request waits, or the one who watches the progress cancels."""
        return self._active and (self._progress.cancelled() or self._folder.request_file.exists())

    def obey(self) -> None:
        """Raise what a waiting request asks for."""
        request = self._folder.take_request() if self._active else None
        if request == "pause":
            raise Paused("Paused.", f"Go on with: neosegdino finetune --resume {self._folder.folder}")
        if request == "cancel":
            raise Cancelled("Cancelled.", f"To go on after all: neosegdino finetune --resume {self._folder.folder}")

    def note(self, message: str) -> None:
        """Keep a finding in the status and tell it now."""
        if message not in self._status.notes:
            self._set(notes=(*self._status.notes, message))
            self._progress.log(message, "warning")

    def finish(self, bundle: str) -> None:
        """The run is over, and where its bundle is."""
        self._set(state="finished", fraction=1.0, remaining_s=0.0, bundle=bundle, message="", remedy="")
        self._write(at_once=True)
        self._progress.finish()

    def fail(self, error: BaseException) -> None:
        """The run ended without a result; one that was to go on and had not begun to stands as it stood before."""
        former = self._former
        if former is not None and former.step and former.state != "failed" and self._status.stage in _BEFORE_TRAINING:
            self._keep(former)
            return
        message, remedy = str(error) or type(error).__name__, ""
        if isinstance(error, NeoSegDINOError):
            message, remedy = error.message, error.remedy
        state = "paused" if isinstance(error, Paused) else "cancelled" if isinstance(error, Cancelled) else "failed"
        self._keep(msgspec.structs.replace(self._status, state=state, message=message, remedy=remedy, remaining_s=None))

    def _keep(self, status: Status) -> None:
        """Write the last status."""
        self._status = status
        try:
            self._write(at_once=True)
        except OutputError as refused:  # a full disk, say: why the run ended must not be lost over it
            self._progress.log(refused.message, "warning")

    def _set(self, **fields: Any) -> None:
        self._status = msgspec.structs.replace(self._status, **fields)

    def _write(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._active and (at_once or now - self._written >= _EVERY_S):
            self._folder.write_status(self._status)
            self._written = now


def _begun(former: Status | None, pid: int, began: float) -> Status:
    """First status of a worker; one that goes on begins with how far the run had come."""
    new = Status("starting", pid, began)
    if former is None:
        return new
    return msgspec.structs.replace(new, **{name: getattr(former, name) for name in _HOW_FAR})
