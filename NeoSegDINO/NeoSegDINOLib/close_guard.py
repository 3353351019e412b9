"""The question that closing Slicer asks while a fine-tuning run is at work.

Slicer has no signal that could refuse its end: the main window's close event is filtered, as the script repository
of Slicer's documentation does. The filter is there only while a run is at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from NeoSegDINOLib.finetune_run import FinetuneRun


class CloseFilter(qt.QObject):  # type: ignore[misc]
    """Event filter of the main window; holds back its close event while the callable says no."""

    def __init__(self) -> None:
        qt.QObject.__init__(self)
        self.may_close: Callable[[], bool] | None = None

    def eventFilter(self, _watched: Any, event: Any) -> bool:  # noqa: N802 (Qt's name)
        """Whether the event goes no further."""
        if self.may_close is None or event.type() != qt.QEvent.Close or self.may_close():
            return False
        event.ignore()  # a filtered event that is not ignored would close the window all the same
        return True


_watched: list[FinetuneRun] = []
_filter: list[CloseFilter] = []
"""Kept here: a filter that nobody keeps is gone."""


def watch(run: FinetuneRun) -> None:
    """Ask for a run from now on if it is at work; ask no more if it is not."""
    if run in _watched:
        _watched.remove(run)
    if run.working:
        _watched.append(run)
    _filter_if(bool(_watched))


def forget(run: FinetuneRun) -> None:
    """Ask for a run no more."""
    if run in _watched:
        _watched.remove(run)
    _filter_if(bool(_watched))


def may_close() -> bool:
    """Ask the user if a run is at work; whether Slicer may close."""
    for run in list(_watched):
        run.poll()
    working = [run for run in _watched if run.working]
    if not working:
        return True
    answer = ask(working[-1])
    if answer == qt.QMessageBox.No:
        working[-1].pause()
    return answer in (qt.QMessageBox.Yes, qt.QMessageBox.No)


def _filter_if(wanted: bool) -> None:
    window = slicer.util.mainWindow()
    if window is None or wanted == bool(_filter):
        return
    if wanted:
        _filter.append(CloseFilter())
        _filter[0].may_close = may_close
        window.installEventFilter(_filter[0])
    else:
        window.removeEventFilter(_filter.pop())


def ask(run: FinetuneRun) -> Any:
    """Ask what shall become of a run: Yes keeps it running, No pauses it, Cancel keeps Slicer open."""
    box = qt.QMessageBox(slicer.util.mainWindow())
    box.windowTitle = _("NeoSegDINO: a run is at work")
    box.text = _("A fine-tuning run is at work in {folder}.").format(folder=run.folder)
    box.informativeText = _(
        "It can go on without Slicer; it is found again when the module is opened. A paused run goes on from its "
        "last checkpoint when you resume it."
    )
    box.setIcon(qt.QMessageBox.Question)
    box.setStandardButtons(qt.QMessageBox.Yes | qt.QMessageBox.No | qt.QMessageBox.Cancel)
    box.button(qt.QMessageBox.Yes).setText(_("Keep running"))
    box.button(qt.QMessageBox.No).setText(_("Pause"))
    box.button(qt.QMessageBox.Cancel).setText(_("Do not close"))
    box.setDefaultButton(qt.QMessageBox.Cancel)
    answer = box.exec_()
    box.deleteLater()
    return answer
