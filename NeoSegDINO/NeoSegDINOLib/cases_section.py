"""The section "Cases" of the tab "Fine-tune": the table, and how cases get into it and out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from neosegdino.errors import Cancelled, NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.case_copies import CaseCopies
from NeoSegDINOLib.case_export import NodePair, images_of
from NeoSegDINOLib.case_list import table_of, write_table
from NeoSegDINOLib.case_table import COLUMNS, fill_case_table, is_bad, selected_rows, summary
from NeoSegDINOLib.files_form import FilesForm
from NeoSegDINOLib.install import ensure_packages, missing_packages
from NeoSegDINOLib.pair_form import PairForm
from NeoSegDINOLib.preflight_job import CheckedCases, PreflightJob
from NeoSegDINOLib.timer import Timer

if TYPE_CHECKING:
    from neosegdino.cases.case import Case
    from neosegdino.training.run_folder import Plan

SETTLED_MS = 700
"""A folder whose path is being typed is not read before the path has stayed as it is for so long."""


class CasesSection:
    """Cases of the run that is being prepared.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_change : callable
        Called when cases have come or gone, or a check has begun or ended.
    on_error : callable
        Called with what went wrong.

    Attributes
    ----------
    cases : list of Case
        All cases, bad ones included.
    """

    def __init__(
        self, ui: Any, on_change: Callable[[], None], on_error: Callable[[NeoSegDINOError | None], None]
    ) -> None:
        self.cases: list[Case] = []
        self._ui = ui
        self._on_change = on_change
        self._on_error = on_error
        self._reports: list[dict[str, Any]] = []
        self._copies = CaseCopies()
        self._folder: Path | None = None
        self._leave_out = False
        self._table: Path | None = None
        self._before_plan: tuple[list[Case], list[dict[str, Any]], Path | None] = ([], [], None)
        self._planned = ""
        self._frozen = False
        self._unread = False
        self._settling = False
        self._settled = Timer(SETTLED_MS, self.bring_back, once=True)
        self._job: PreflightJob | None = None
        self._reading = False
        self._pair = PairForm(ui, self.update)
        self._files = FilesForm(ui, self.update)
        header = ui.caseTable.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        ui.addPairButton.connect("clicked(bool)", self.on_add_pair)
        ui.addFilesButton.connect("clicked(bool)", self.on_add_files)
        ui.removeCasesButton.connect("clicked(bool)", self.on_remove)
        ui.caseTable.connect("itemSelectionChanged()", self.update)
        self._fill()

    @property
    def busy(self) -> bool:
        """Whether cases are being checked, or are about to be."""
        return self._job is not None or self._settling

    @property
    def writing(self) -> bool:
        """Whether cases are being written into the folder, which must stay the chosen one until they are checked."""
        return self._job is not None and not self._reading

    @property
    def table(self) -> Path | None:
        """The file that holds the checked cases."""
        return self._table

    def use(self, folder: Path | None, *, leave_out_bad: bool, frozen: bool) -> None:
        """Follow the choices of the tab.

        Parameters
        ----------
        folder : Path or None
            The run's folder.
        leave_out_bad : bool
            Whether bad cases are left out.
        frozen : bool
            Whether the folder's run has been started, so that its cases cannot be changed any more.
        """
        self._leave_out = leave_out_bad
        if self._frozen and not frozen and self._planned:
            self._forget_plan()
        if (folder, frozen) != (self._folder, self._frozen):
            self._folder, self._frozen = folder, frozen
            self._look_for_table()
        self.update()

    def show_plan(self, plan: Plan) -> None:
        """Show the cases of a run that has been started."""
        planned = [one.case for one in (*plan.training, *plan.validation)]
        if not set(planned) <= set(self.cases):
            if self._table is not None:
                self._before_plan = (self.cases, self._reports, self._table)
            self.cases = planned
            self._reports = [{"name": case.name, "image": case.image, "labels": case.labels} for case in planned]
            self._table = None  # these have not been checked here
            self._fill()
        self._planned = _("{training} cases to train on, {validation} to validate{left_out}.").format(
            training=len(plan.training),
            validation=len(plan.validation),
            left_out=_(", {count} left out").format(count=len(plan.left_out)) if plan.left_out else "",
        )
        self.update()

    def why_not(self) -> str | None:
        """Why these cases cannot be trained on, in words; None if they can."""
        if self.busy:
            return _("The cases are being checked.")
        bad = sum(is_bad(report) for report in self._reports)
        if len(self.cases) - bad < 1:
            return _("Add cases: images with labels of both hippocampi.")
        if bad and not self._leave_out:
            return _("Cases that cannot be used: {count}. Remove them, or leave them out.").format(count=bad)
        return None

    def save(self) -> Path:
        """Write the table of cases into the run's folder, and return where it is.

        Raises
        ------
        OutputError
            If the folder cannot be written to.
        """
        assert self._folder is not None
        self._table = write_table(self._folder, self.cases)
        self._copies.keep(self._folder, self.cases)
        return self._table

    def update(self) -> None:
        """Show what can be added and removed, and what there is."""
        ui = self._ui
        for button, form in ((ui.addPairButton, self._pair), (ui.addFilesButton, self._files)):
            reason = self._why_not_add() or form.why_not()
            button.enabled = reason is None
            button.toolTip = reason or _("Check the cases and add them to the table.")
        changeable = not self.busy and not self._frozen
        ui.addCasesWidget.visible = not self._frozen
        ui.removeCasesButton.enabled = changeable and bool(selected_rows(ui.caseTable))
        ui.leaveOutBadCheckBox.visible = not self._frozen and any(is_bad(report) for report in self._reports)
        text = self._planned or summary(self._reports, leave_out_bad=self._leave_out)
        ui.casesLabel.text = _("Checking the cases \u2026") if self.busy else text

    def on_add_pair(self) -> None:
        """Copy the chosen pair out of the scene and add it."""
        if self._why_not_add() or self._pair.why_not():
            return
        self._on_error(None)
        folder = self._folder
        try:
            pair = self._pair.pair()
            ensure_packages(training=True)
            self._require_ready(folder)
            _require_in_scene(pair)
            images = images_of(pair)
        except NeoSegDINOError as error:
            self._on_error(error)
            return
        self._start(self._known(), pairs=(images,))

    def on_add_files(self) -> None:
        """Find cases among the chosen files and add them."""
        if self._why_not_add() or self._files.why_not():
            return
        self._on_error(None)
        folder, files = self._folder, self._files.files()
        try:
            ensure_packages(training=True)
            self._require_ready(folder)
        except NeoSegDINOError as error:
            self._on_error(error)
            return
        self._start(self._known(), files=files)

    def on_remove(self) -> None:
        """Take the selected cases out; the others are checked again, as they may have been bad only together."""
        rows = set(selected_rows(self._ui.caseTable))
        if self.busy or self._frozen or not rows or self._folder is None:
            return
        gone = [case for row, case in enumerate(self.cases) if row in rows]
        self._start([case for row, case in enumerate(self.cases) if row not in rows], gone=gone)

    def bring_back(self) -> None:
        """Show the cases that were chosen for this folder before, if they are not shown yet."""
        self._stop_settling()
        if not self._unread or self._job is not None:
            return
        if missing_packages():  # they are installed with the first click
            self._list([], [], None)
            self._on_change()
        else:
            self._start(None)

    def close(self) -> None:
        """End a check in progress, and let go of the scene (the module goes away)."""
        self._pair.leave()
        self._stop_settling()
        self._stop_job()

    def _why_not_add(self) -> str | None:
        if self._folder is None:
            return _("Choose the folder of the run first.")
        if self._frozen:
            return _("This folder holds a run already. Choose another folder for a new one.")
        return _("The cases are being checked.") if self.busy else None

    def _forget_plan(self) -> None:
        """The cases of a run that is shown no more, if they came from its plan, are not those of the next one."""
        self._planned = ""
        if self._table is None:
            self._list(*self._before_plan)
        self._before_plan = ([], [], None)

    def _look_for_table(self) -> None:
        """See whether the folder has a table of its own: then its cases take the place of those that are shown."""
        if self._reading:
            self._stop_job()
        folder = self._folder
        there = folder is not None and not self._frozen and table_of(folder).is_file()
        self._unread = there and folder is not None and table_of(folder) != self._table
        self._stop_settling()
        if self._unread and self._job is None:
            self._settling = True
            self._settled.start()

    def _stop_settling(self) -> None:
        self._settling = False
        self._settled.stop()

    def _stop_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job, self._reading = None, False

    def _known(self) -> list[Case] | None:
        """Cases to keep; None for those of a table that could not be shown, which must not be lost either."""
        return None if self._unread else self.cases

    def _require_ready(self, folder: Path | None) -> None:
        """Check, after packages may have been installed, that cases can still be added; the window lives meanwhile."""
        if folder != self._folder:
            raise Cancelled(_("Meanwhile the scene was closed or another folder was chosen. Nothing was added."))
        if self._reading:
            self._stop_job()  # begun as the packages came; the table is read with the cases that are added
        reason = self._why_not_add()
        if reason is not None:
            raise Cancelled(reason)

    def _start(self, known: Sequence[Case] | None, *, gone: Sequence[Case] = (), **new: Any) -> None:
        folder = self._folder
        assert folder is not None

        def take(checked: CheckedCases) -> None:
            if new and len(checked.cases) > len(self.cases):
                self._pair.clear()
                self._files.clear()
            self._take(folder, checked)
            self._copies.delete(folder, gone)

        self._reading = known is None and not new
        self._job = PreflightJob(folder, known, take, lambda error: self._miss(folder, error), **new)
        self._job.start()
        self.update()
        self._on_change()

    def _take(self, folder: Path, checked: CheckedCases) -> None:
        self._job, self._reading = None, False
        self._copies.add(checked.written)
        elsewhere = folder != self._folder  # the scene has been closed, or another one opened
        if not (elsewhere and self._frozen):
            self._list(checked.cases, checked.reports, checked.table)
            self._copies.keep(folder, self.cases)
        if elsewhere:
            self._look_for_table()
        else:
            self._unread = False
        self._on_change()

    def _miss(self, folder: Path, error: NeoSegDINOError) -> None:
        self._job, self._reading = None, False
        self._on_error(error)
        if folder != self._folder:
            self._look_for_table()
        elif self._unread:
            self._list([], [], None)  # those of another folder must not take the place of this folder's
        self._fill()
        self._on_change()

    def _list(self, cases: list[Case], reports: list[dict[str, Any]], table: Path | None) -> None:
        self.cases, self._reports, self._table = cases, reports, table
        self._fill()

    def _fill(self) -> None:
        table = self._ui.caseTable
        table.columnCount = COLUMNS
        fill_case_table(table, self._reports)
        self.update()


def _require_in_scene(pair: NodePair) -> None:
    """Check, after packages may have been installed, that a pair is still there."""
    for node in (pair.volume, pair.labels):
        if not slicer.mrmlScene.IsNodePresent(node):
            raise Cancelled(_("'{name}' has left the scene. Nothing was added.").format(name=node.GetName()))
