"""The section "Cases" of the tab "Fine-tune": the table, and how cases get into it and out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.case_export import images_of
from NeoSegDINOLib.case_list import table_of, write_table
from NeoSegDINOLib.case_table import COLUMNS, fill_case_table, is_bad, selected_rows, summary
from NeoSegDINOLib.files_form import FilesForm
from NeoSegDINOLib.install import ensure_packages
from NeoSegDINOLib.pair_form import PairForm
from NeoSegDINOLib.preflight_job import CaseFiles, CheckedCases, PreflightJob

if TYPE_CHECKING:
    from neosegdino.cases.case import Case
    from neosegdino.training.run_folder import Plan


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
        self._exported: set[str] = set()
        self._folder: Path | None = None
        self._leave_out = False
        self._table: Path | None = None
        self._planned = ""
        self._frozen = False
        self._job: PreflightJob | None = None
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
        """Whether cases are being checked."""
        return self._job is not None

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
        self._frozen = frozen
        if folder != self._folder:
            self._folder = folder
            if not frozen:
                self._bring_back()
        self.update()

    def show_plan(self, plan: Plan) -> None:
        """Show the cases of a run that has been started."""
        planned = [one.case for one in (*plan.training, *plan.validation)]
        if not set(planned) <= set(self.cases):
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
        try:
            ensure_packages(training=True)
            images = images_of(self._pair.pair())
        except NeoSegDINOError as error:
            self._on_error(error)
            return
        self._start(self.cases, pairs=(images,))

    def on_add_files(self) -> None:
        """Find cases among the chosen files and add them."""
        if self._why_not_add() or self._files.why_not():
            return
        self._on_error(None)
        try:
            ensure_packages(training=True)
        except NeoSegDINOError as error:
            self._on_error(error)
            return
        self._start(self.cases, files=self._files.files())

    def on_remove(self) -> None:
        """Take the selected cases out; the others are checked again, as they may have been bad only together."""
        rows = set(selected_rows(self._ui.caseTable))
        if self.busy or self._frozen or not rows or self._folder is None:
            return
        gone = [case for row, case in enumerate(self.cases) if row in rows]
        self.cases = [case for row, case in enumerate(self.cases) if row not in rows]
        self._reports = [report for row, report in enumerate(self._reports) if row not in rows]
        self._start(self.cases)
        for file in (file for case in gone for file in (case.image, case.labels) if file in self._exported):
            Path(file).unlink(missing_ok=True)

    def close(self) -> None:
        """End a check in progress (the module goes away)."""
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _why_not_add(self) -> str | None:
        if self._folder is None:
            return _("Choose the folder of the run first.")
        return _("The cases are being checked.") if self.busy else None

    def _forget_plan(self) -> None:
        """The cases of a run that is shown no more, if they came from its plan, are not those of the next one."""
        self._planned = ""
        if self._table is None:
            self.cases, self._reports = [], []
            self._fill()

    def _bring_back(self) -> None:
        """Bring back the cases that were chosen for this folder before."""
        if self._folder is None or self.cases or self.busy or not table_of(self._folder).is_file():
            return
        try:
            self._start((), files=CaseFiles(table_of(self._folder)))
        except ModuleNotFoundError:  # packages are installed with the first click
            self._job = None

    def _start(self, known: Any, **new: Any) -> None:
        assert self._folder is not None
        self._job = PreflightJob(self._folder, known, self._take, self._miss, **new)
        self._job.start()
        self.update()
        self._on_change()

    def _take(self, checked: CheckedCases) -> None:
        self._job = None
        if len(checked.cases) > len(self.cases):
            self._pair.clear()
            self._files.clear()
        self._exported |= {file for case in checked.written for file in (case.image, case.labels)}
        self.cases, self._reports, self._table = checked.cases, checked.reports, checked.table
        self._fill()
        self._on_change()

    def _miss(self, error: NeoSegDINOError) -> None:
        self._job = None
        self._on_error(error)
        self._fill()
        self._on_change()

    def _fill(self) -> None:
        table = self._ui.caseTable
        table.columnCount = COLUMNS
        fill_case_table(table, self._reports)
        self.update()
