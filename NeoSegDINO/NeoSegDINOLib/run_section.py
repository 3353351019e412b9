"""The part of the tab "Fine-tune" that shows a run and steers it."""

from __future__ import annotations

from typing import Any

from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.curves import Curves
from NeoSegDINOLib.finetune_run import FinetuneRun, state_in_words
from NeoSegDINOLib.look import Look
from NeoSegDINOLib.message_box import MessageBox
from NeoSegDINOLib.wording import remaining_in_words


class RunSection:
    """Progress, curves, look, message and buttons of one run.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.

    Attributes
    ----------
    run : FinetuneRun or None
        The run that is shown.
    message : MessageBox
        The tab's message.
    """

    def __init__(self, ui: Any) -> None:
        self.run: FinetuneRun | None = None
        self.message = MessageBox(ui, "run")
        self._ui = ui
        self._curves: Curves | None = None
        self._look: Look | None = None
        self._show_look = False
        self._told = ""
        ui.pauseButton.connect("clicked(bool)", self.on_pause)
        ui.cancelRunButton.connect("clicked(bool)", self.on_cancel)
        ui.showCurvesButton.connect("clicked(bool)", self.on_show_curves)
        self.update()

    def take(self, run: FinetuneRun | None) -> None:
        """Show this run instead of the last one, whose worker goes on."""
        if run is self.run:
            return
        if self.run is not None:
            self.run.leave()
        if self._look is not None:
            self._look.leave()
        self.run = run
        self._curves = None if run is None else Curves(str(run.folder))
        self._look = None if run is None else Look(run.files)
        self._told = ""
        self.message.clear()

    def show_look(self, wanted: bool) -> None:
        """Whether the look at a validation case is shown in the scene."""
        if wanted == self._show_look:
            return
        self._show_look = wanted
        if self._look is None:
            return
        if wanted:
            self._look.show_again()
        else:
            self._look.leave()  # what is being read must not come into a scene that is closed meanwhile

    def update(self) -> None:
        """Show how the run stands."""
        run, ui = self.run, self._ui
        there = run is not None and run.there
        ui.runWidget.visible = there
        ui.showWidget.visible = there
        ui.useModelButton.visible = run is not None and run.bundle is not None
        ui.notesLabel.visible = run is not None and run.status is not None and bool(run.status.notes)
        if run is None:
            return
        self._show_end(run)
        self._show_progress(run)
        if self._curves is not None:
            self._curves.update(run.curves())
        if self._show_look and self._look is not None:
            self._look.update()

    def on_pause(self) -> None:
        """Pause the run."""
        self._steer(FinetuneRun.pause)

    def on_cancel(self) -> None:
        """Cancel the run."""
        self._steer(FinetuneRun.cancel)

    def on_show_curves(self) -> None:
        """Put the curves into the scene and the chart into the views."""
        if self.run is not None and self._curves is not None:
            self._curves.show(self.run.curves(), self.run.model)

    def close(self) -> None:
        """Let go of the run, whose worker goes on (the module goes away)."""
        self.take(None)

    def _steer(self, how: Any) -> None:
        if self.run is None:
            return
        try:
            how(self.run)
        except NeoSegDINOError as error:
            self.message.show_error(error, self.run.log)

    def _show_progress(self, run: FinetuneRun) -> None:
        ui, status = self._ui, run.status
        ui.runProgressBar.value = 0 if status is None else round(100 * status.fraction)
        ui.pauseButton.visible = ui.cancelRunButton.visible = run.working
        ui.pauseButton.enabled = run.state == "training"
        ui.cancelRunButton.enabled = run.state != "cancelling"
        ui.resumeButton.visible = run.resumable
        ui.runStageLabel.text = run_in_words(run)
        ui.showCurvesButton.enabled = status is not None and status.epoch > 0
        ui.notesLabel.text = "" if status is None else "\n".join(f"\u26a0 {note}" for note in status.notes)

    def _show_end(self, run: FinetuneRun) -> None:
        """Say how the run ended, once: later messages of the tab stay."""
        if run.state == self._told:
            return
        self._told = run.state
        if run.state == "failed" and run.error is not None:
            self.message.show_error(run.error, run.log)
        elif run.state == "interrupted":
            text = _("The worker was ended from outside. Resume goes on from the last checkpoint.")
            self.message.show_warning(text, run.log)
        elif run.state == "finished":
            self.message.show_info(_("The new model is ready. Choose another folder to start the next run."))
        else:
            self.message.clear()


def run_in_words(run: FinetuneRun) -> str:
    """State, stage, epoch, remaining time and best Dice of a run in one line, the device in another."""
    status = run.status
    parts = [state_in_words(run.state)]
    if status is None:
        return parts[0]
    if run.state == "training":
        parts = [stage_in_words(status.stage)]
    if status.epoch or run.state == "training":
        parts.append(_("epoch {epoch} of {epochs}").format(epoch=status.epoch, epochs=status.epochs))
    if run.state == "training":
        parts.append(remaining_in_words(status.remaining_s))
    if status.best_dice is not None:
        parts.append(_("best Dice {dice:.2f}").format(dice=status.best_dice))
    line = ", ".join(part for part in parts if part)
    return f"{line}\n{status.device}" if run.working and status.device else line


def stage_in_words(stage: str) -> str:
    """Say what the worker of a run is doing."""
    known = {
        "": _("Starting"),
        "check": _("Checking the cases"),
        "train": _("Training"),
        "evaluate": _("Evaluating the model"),
        "write": _("Writing the model"),
    }
    return known.get(stage, stage.capitalize())
