"""The tab "Fine-tune": from cases and settings to a run, and from a run to a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ctk
from neosegdino.errors import Cancelled, NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.cases_section import CasesSection
from NeoSegDINOLib.estimate_line import EstimateLine
from NeoSegDINOLib.files_form import typed_path
from NeoSegDINOLib.finetune_run import FinetuneRun, run_in
from NeoSegDINOLib.finetune_settings import arguments_of, settings_of
from NeoSegDINOLib.install import ensure_packages
from NeoSegDINOLib.remembered_run import forget, remembered, working_elsewhere
from NeoSegDINOLib.run_section import RunSection
from NeoSegDINOLib.settings_section import SettingsSection
from NeoSegDINOLib.use_model import UseModel


class FinetuneTab:
    """Connects the tab's sections with the parameter node.

    One folder is one run: the folder of an earlier run brings its run back, and a new run needs another folder.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_installed : callable
        Called with the name of a fine-tuned bundle that has been installed.
    """

    def __init__(self, ui: Any, on_installed: Callable[[str], None]) -> None:
        self._ui = ui
        self._parameters: Any = None
        self._planned: FinetuneRun | None = None
        self._run_section = RunSection(ui)
        self._cases = CasesSection(ui, self.update, self._show_error)
        self._settings = SettingsSection(ui)
        self._estimate = EstimateLine(ui.estimateLabel)
        self._use = UseModel(self._on_model_installed, self._show_error)
        self._on_installed = on_installed
        ui.runFolderEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.runFolderEdit.connect("currentPathChanged(QString)", self.on_folder_chosen)
        ui.startButton.connect("clicked(bool)", self.on_start)
        ui.resumeButton.connect("clicked(bool)", self.on_resume)
        ui.useModelButton.connect("clicked(bool)", self.on_use_model)
        ui.tabWidget.connect("currentChanged(int)", self.on_tab_chosen)

    @property
    def run(self) -> FinetuneRun | None:
        """The run of the chosen folder, if it holds one."""
        return self._run_section.run

    @property
    def checking(self) -> bool:
        """Whether cases are being checked."""
        return self._cases.busy

    def set_parameters(self, parameters: Any) -> None:
        """Take over a parameter node, or None while there is no scene; a run goes on all the same."""
        self._parameters = parameters
        self._settings.set_parameters(parameters)
        if parameters is not None:
            self._find_run()
            self.update()

    def show_bundles(self) -> None:
        """Fill the combo box with the bundles that are installed."""
        self._settings.fill()

    def update(self) -> None:
        """Show what the parameter node and the run's folder say."""
        parameters, ui = self._parameters, self._ui
        if parameters is None:
            return
        if ui.runFolderEdit.currentPath != parameters.finetuneFolder:
            ui.runFolderEdit.currentPath = parameters.finetuneFolder
        self._settings.update()
        self._look_at_folder()
        run = self.run
        there = run is not None and run.there
        self._cases.use(self._folder(), leave_out_bad=parameters.finetuneLeaveOutBad, frozen=there)
        ui.runFolderEdit.enabled = not self._cases.writing and (run is None or not run.working)
        ui.settingsWidget.enabled = not there
        ui.startButton.visible = not there
        reason = self._why_not()
        ui.startButton.enabled = reason is None
        ui.startButton.toolTip = reason or _("Train the model on the cases in a process of its own.")
        self._ask_estimate(reason)
        self._run_section.show_look(parameters.finetuneShowLook)
        self._run_section.update()

    def on_tab_chosen(self, _index: int) -> None:
        """The estimate is made when somebody looks."""
        self.update()

    def on_folder_chosen(self, path: str) -> None:
        """Keep the chosen folder."""
        if self._parameters is not None:
            self._parameters.finetuneFolder = path  # as it is typed: a blank may be followed by more

    def on_start(self) -> None:
        """Start a run; what hinders it is said in the panel."""
        folder = self._folder()
        if self._parameters is None or folder is None or self._why_not() is not None:
            return
        self._show_error(None)
        chosen = _choices(self._parameters)
        try:
            ensure_packages(training=True)
            self._require_ready(folder)
            settings = settings_of(chosen)
            run = FinetuneRun(folder, self._on_change)
            self._estimate.close()
            run.start(self._cases.save(), settings, leave_out_bad=chosen.finetuneLeaveOutBad)
        except NeoSegDINOError as error:
            self._show_error(error)
            return
        self._fold()
        self._run_section.take(run)
        self.update()

    def on_resume(self) -> None:
        """Go on with the run of the chosen folder."""
        run = self.run
        if run is None:
            return
        self._show_error(None)
        try:
            ensure_packages(training=True)
            if self.run is not run:
                raise Cancelled(
                    _("Meanwhile the scene was closed or another folder was chosen. The run was not resumed.")
                )
            run.resume()
        except NeoSegDINOError as error:
            self._show_error(error)

    def on_use_model(self) -> None:
        """Install the finished model and choose it in the other tab."""
        if self.run is not None and self.run.bundle is not None:
            self._show_error(None)
            self._use.install(self.run.bundle)

    def bring_back(self) -> None:
        """Show the cases of the folder's own table if they could not be read before the packages came."""
        self._cases.bring_back()

    def close(self) -> None:
        """Let go of everything; a run's worker goes on (the module goes away)."""
        self._estimate.close()
        self._cases.close()
        self._use.close()
        self._run_section.close()

    def _folder(self) -> Path | None:
        text = self._parameters.finetuneFolder.strip()
        return typed_path(text) if text else None

    def _require_ready(self, folder: Path) -> None:
        """Check, after packages may have been installed, that what was asked for still stands.

        That takes minutes, in which the window lives. In another module there is no parameter node; a run starts
        all the same.
        """
        if self._parameters is not None and self._folder() != folder:
            raise Cancelled(_("Meanwhile the scene was closed or another folder was chosen. No run was started."))
        reason = self._cases.why_not()
        if reason is not None:
            raise Cancelled(reason)

    def _find_run(self) -> None:
        """Choose the folder of the latest run where none is chosen; a run that is at work is always shown."""
        kept = remembered()
        if kept is None:
            return
        folder = self._folder()
        try:
            elsewhere = None if folder is None else working_elsewhere(folder)
        except ModuleNotFoundError:  # without the packages there is no run to show
            return
        if folder is None or elsewhere is not None:
            self._parameters.finetuneFolder = str(kept)

    def _look_at_folder(self) -> None:
        """Show the run of the chosen folder."""
        folder, run = self._folder(), self.run
        if run is not None and folder is not None and run.folder == folder:
            return
        found = None if folder is None else run_in(folder, self._on_change)
        self._run_section.take(found)
        if found is not None:
            self._fold()
            if found.files.plan_file.is_file():
                self._show_plan(found)

    def _show_plan(self, run: FinetuneRun) -> None:
        """Show the cases of a run, which are fixed from its start."""
        self._planned = run
        try:
            self._cases.show_plan(run.files.read_plan())
        except NeoSegDINOError as error:
            self._show_error(error)

    def _on_change(self, run: FinetuneRun) -> None:
        """The run that is shown has gone on; the scene may be closed meanwhile."""
        if run is not self.run:
            return
        if run is not self._planned and run.files.plan_file.is_file():
            self._show_plan(run)
        if self._parameters is None:
            self._run_section.update()
        else:
            self.update()

    def _on_model_installed(self, name: str) -> None:
        """The run has served: it is not brought back any more by itself."""
        forget()
        self._on_installed(name)

    def _fold(self) -> None:
        """What cannot be changed any more takes no place."""
        self._ui.casesCollapsibleButton.collapsed = True
        self._ui.settingsCollapsibleButton.collapsed = True

    def _why_not(self) -> str | None:
        """Why no run can be started, in words; None if one can."""
        if self._folder() is None:
            return _("Choose the folder of the run first.")
        if self.run is not None and self.run.there:
            return _("This folder holds a run already. Choose another folder for a new one.")
        return self._cases.why_not() or self._settings.why_not()

    def _ask_estimate(self, reason: str | None) -> None:
        folder = self._folder()
        seen = self._ui.tabWidget.currentWidget() == self._ui.finetuneTab
        if reason is not None or folder is None or not seen or self._cases.table is None:
            there = self.run is not None and self.run.there
            self._estimate.say("" if there or reason is None else reason)
            return
        try:
            settings = arguments_of(self._settings.settings())
        except (NeoSegDINOError, ModuleNotFoundError):
            return
        options = ["--leave-out-bad"] if self._parameters.finetuneLeaveOutBad else []
        self._estimate.ask([str(self._cases.table), "--out", str(folder), *settings, *options], folder)

    def _show_error(self, error: NeoSegDINOError | None) -> None:
        message = self._run_section.message
        if error is None:
            message.clear()
        else:
            message.show_error(error, str(error))


def _choices(parameters: Any) -> SimpleNamespace:
    """Copy what a parameter node holds for a run: the scene may be closed, which resets the node."""
    names = [name for name in dir(parameters) if name.startswith("finetune")]
    return SimpleNamespace(**{name: getattr(parameters, name) for name in names})
