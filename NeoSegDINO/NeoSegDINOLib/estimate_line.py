"""One line that says what a run will take, measured by the worker when cases and settings are as they shall be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.timer import Timer
from NeoSegDINOLib.worker_document import WorkerDocument

QUIET_MS = 800
"""Nothing is measured before so long nothing has been changed."""


class EstimateLine:
    """Keeps the estimate up to date.

    Parameters
    ----------
    label : QLabel
        Shows the line; hidden while there is nothing to say.
    """

    def __init__(self, label: Any) -> None:
        self._label = label
        self._arguments: list[str] | None = None
        self._folder = Path()
        self._worker: WorkerDocument | None = None
        self._background: Background[dict[str, Any]] | None = None
        self._timer = Timer(QUIET_MS, self.measure, once=True)
        self.close()

    def ask(self, arguments: list[str] | None, folder: Path = Path()) -> None:
        """Measure soon, with these arguments of ``neosegdino finetune``; None ends what is being measured."""
        if arguments == self._arguments:
            return
        self.close()
        self._arguments, self._folder = arguments, folder
        self._label.visible = arguments is not None
        if arguments is not None:
            self._label.text = _("Estimating time and memory \u2026")
            self._timer.start()

    def say(self, text: str) -> None:
        """Show a text instead of an estimate; an empty one hides the line."""
        self.close()
        self._label.text = text
        self._label.visible = bool(text)

    def measure(self) -> None:
        """Start the worker."""
        assert self._arguments is not None
        self._worker = WorkerDocument(["finetune", *self._arguments, "--estimate", "--json"], self._folder)
        self._background = Background(self._worker.read, self._show, self._show_error)
        self._background.start()

    def close(self) -> None:
        """End what is being measured, and show nothing."""
        self._timer.stop()
        self._label.visible = False
        if self._background is not None and self._worker is not None:
            self._background.forget()
            self._worker.cancel()
        self._background = self._worker = None
        self._arguments = None

    def _show(self, estimate: dict[str, Any]) -> None:
        self._background = self._worker = None
        self._label.text = estimate_in_words(estimate)

    def _show_error(self, error: NeoSegDINOError) -> None:
        self._background = self._worker = None
        self._label.text = _("No estimate: {error}").format(error=error)


def estimate_in_words(estimate: dict[str, Any]) -> str:
    """Say what a run will take, in one line."""
    disk = _size_in_words(estimate["feature_bytes"]) if estimate["feature_bytes"] else ""
    line = _("{duration}, {memory} of memory{disk}; {training} cases to train on, {validation} to validate ({device}).")
    return line.format(
        duration=duration_in_words(estimate["seconds"]),
        memory=_size_in_words(estimate["memory_bytes"]),
        disk=_(", {size} on disk").format(size=disk) if disk else "",
        training=estimate["training_cases"],
        validation=estimate["validation_cases"],
        device=estimate["device"],
    )


def duration_in_words(seconds: float) -> str:
    """Duration, rounded as far as it can be trusted."""
    if seconds < 90:
        return _("About {seconds} s").format(seconds=max(5, 5 * math.ceil(seconds / 5)))
    if seconds < 90 * 60:
        return _("About {minutes} min").format(minutes=math.ceil(seconds / 60))
    return _("About {hours:.1f} h").format(hours=seconds / 3600)


def _size_in_words(size: float) -> str:
    gib = size / 2**30
    return _("{size:.1f} GiB").format(size=gib) if gib >= 0.1 else _("{size:.0f} MiB").format(size=size / 2**20)
