"""The tab "Segment": from the chosen volume to two hippocampi and their table, with one click."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from neosegdino.errors import Cancelled, NeoSegDINOError
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from NeoSegDINOLib.bundle_combo import BundleCombo
from NeoSegDINOLib.job import ProgressUpdate
from NeoSegDINOLib.message_box import MessageBox
from NeoSegDINOLib.nodes import why_not
from NeoSegDINOLib.result_section import ResultSection
from NeoSegDINOLib.result_views import show_result
from NeoSegDINOLib.run import SegmentationRun
from NeoSegDINOLib.segmentation import holds_result
from NeoSegDINOLib.wording import progress_in_words


class SegmentTab(VTKObservationMixin):
    """Connects the tab's widgets with the parameter node and the logic.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    logic : NeoSegDINOLogic
        Starts the segmentation.
    """

    def __init__(self, ui: Any, logic: Any) -> None:
        VTKObservationMixin.__init__(self)
        self._ui = ui
        self._logic = logic
        self._parameters: Any = None
        self._run: SegmentationRun | None = None
        self._bundles = BundleCombo(ui.bundleComboBox, self.on_bundle_chosen)
        self._message = MessageBox(ui)
        self._result = ResultSection(ui, self._message)
        self._age_of: Any = None
        ui.segmentButton.connect("clicked(bool)", self.on_segment)
        ui.cancelButton.connect("clicked(bool)", self.on_cancel)
        self._show_progress(None)

    @property
    def run(self) -> SegmentationRun | None:
        """The run in progress, if there is one."""
        return self._run

    def set_parameters(self, parameters: Any) -> None:
        """Take over a parameter node, or None while there is no scene."""
        self._parameters = parameters
        self.removeObservers()
        self._result.leave()
        if parameters is not None:
            self._age_of = parameters.inputVolume
            self.show_bundles()
            self.choose_input()
            self.update()

    def choose_input(self) -> None:
        """Choose the input for the user if the scene leaves no other choice."""
        if self._parameters is None or self._parameters.inputVolume is not None:
            return
        kind = "vtkMRMLScalarVolumeNode"  # labelmaps and vector volumes are of classes derived from it
        volumes = [node for node in slicer.util.getNodesByClass(kind) if node.GetClassName() == kind]
        if len(volumes) == 1:
            self._parameters.inputVolume = volumes[0]

    def show_bundles(self) -> None:
        """Fill the combo box with the bundles that are installed."""
        self._bundles.fill()

    def update(self) -> None:
        """Show what the parameter node says: bundle, result, and whether a run is possible."""
        if self._parameters is None:
            return
        self._watch_input()
        self._forget_age_of_another()
        self._show_bundle()
        self._result.show(self._parameters.segmentation)
        reason = self._why_not()
        self._ui.segmentButton.enabled = reason is None
        self._ui.segmentButton.toolTip = reason or _("Find both hippocampi in the input volume.")

    def on_bundle_chosen(self, name: str) -> None:
        """Keep the chosen bundle."""
        if self._parameters is not None:
            self._parameters.bundle = name

    def on_segment(self) -> None:
        """Start a run; what hinders it is said in the panel."""
        parameters = self._parameters
        if parameters is None or self._why_not() is not None or not self._may_replace(parameters.segmentation):
            return
        self._message.clear()
        try:
            self._run = self._logic.segment(
                parameters.inputVolume,
                parameters.segmentation,
                bundle=parameters.bundle or None,
                windows=parameters.windows.value,
                device=parameters.device.value,
                ageWeeks=parameters.ageWeeks or None,
                wait=False,
                onProgress=self._show_progress,
                onFinished=lambda run: self._on_finished(run, parameters),
            )
        except NeoSegDINOError as error:
            self._message.show_error(error, str(error))
            return
        self._show_progress(ProgressUpdate(0.0, "start", None))
        self.show_bundles()  # there are more to show once the packages are installed
        self.update()

    def on_cancel(self) -> None:
        """End the run in progress."""
        if self._run is not None:
            self._run.cancel()

    def close(self) -> None:
        """End the run in progress and wait until nothing of it is left (the module goes away)."""
        self._result.close()
        run = self._run
        if run is not None:
            run.cancel()
            run.join(timeout_s=5)

    def _watch_input(self) -> None:
        """Follow the input: its image may come later, and its transform may change."""
        volume = self._parameters.inputVolume
        events = (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLTransformableNode.TransformModifiedEvent)
        if volume is None or self.hasObserver(volume, events[0], self._on_input_modified):
            return
        self.removeObservers(self._on_input_modified)
        for event in events:
            self.addObserver(volume, event, self._on_input_modified)

    def _forget_age_of_another(self) -> None:
        """An age was given for one newborn: with another volume it is asked for anew; a loaded scene brings its own."""
        parameters = self._parameters
        another = self._age_of is not None and parameters.inputVolume is not self._age_of
        if another and not slicer.mrmlScene.IsImporting():
            parameters.ageWeeks = 0.0
        self._age_of = parameters.inputVolume

    def _on_input_modified(self, _caller: Any, _event: str) -> None:
        self.update()

    def _why_not(self) -> str | None:
        """Why a run is not possible, in words; None if it is."""
        if self._run is not None:
            return _("A segmentation is running. Wait for it or cancel it.")
        reason = why_not(self._parameters.inputVolume)
        return None if reason is None else " ".join(reason)

    def _may_replace(self, node: Any) -> bool:
        if not holds_result(node):
            return True
        question = _("'{name}' holds the hippocampi of an earlier run. Replace them?").format(name=node.GetName())
        return bool(slicer.util.confirmOkCancelDisplay(question, _("Replace the result")))

    def _on_finished(self, run: SegmentationRun, parameters: Any) -> None:
        """Show the end of a run; its parameter node may not be the panel's any more."""
        self._run = None
        self._show_progress(None)
        if isinstance(run.error, Cancelled):
            self._message.show_info(run.error.message)
        elif run.error is not None:
            self._message.show_error(run.error, run.log)
        else:
            parameters.segmentation = run.node
            if self._parameters is not None:  # with another module open the views are left alone
                show_result(run.node)
        self.update()

    def _show_progress(self, progress: ProgressUpdate | None) -> None:
        """Progress bar, stage and Cancel; None hides them and gives the choices back."""
        ui = self._ui
        running = progress is not None
        ui.choicesWidget.enabled = not running
        ui.advancedCollapsibleButton.enabled = not running
        ui.progressWidget.visible = running
        if progress is not None:
            ui.progressBar.value = round(100 * progress.fraction)
            ui.stageLabel.text = progress_in_words(progress.stage, progress.remaining_s)

    def _show_bundle(self) -> None:
        if not self._bundles.show(self._parameters.bundle):  # a scene from a computer with more bundles
            self._parameters.bundle = self._bundles.default
