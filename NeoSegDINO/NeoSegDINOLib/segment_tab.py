"""The tab "Segment": from chosen volumes to two hippocampi each and their table, with one click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk
from neosegdino.suitability import Finding, look_at_range
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from NeoSegDINOLib.bundle_combo import BundleCombo
from NeoSegDINOLib.bundles import bundle_specs
from NeoSegDINOLib.input_check import InputCheck
from NeoSegDINOLib.left_volumes import LeftVolumes, left_volumes, scalar_volumes
from NeoSegDINOLib.measured import measure_segment
from NeoSegDINOLib.message_box import MessageBox
from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.queue_table import QueueTable
from NeoSegDINOLib.replace_question import Answer, ask
from NeoSegDINOLib.result_section import ResultSection
from NeoSegDINOLib.result_views import show_result
from NeoSegDINOLib.run import SegmentationRun
from NeoSegDINOLib.run_queue import Entry, RunQueue, State
from NeoSegDINOLib.segmentation import holds_result, is_result_of, result_of, segment_id
from NeoSegDINOLib.wording import note_in_words, progress_in_words

if TYPE_CHECKING:
    from neosegdino.spec import BundleSpec


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
        self._parameters: Any = None
        self._input: str | None = None
        self._fresh = True
        self._check = InputCheck()
        self._specs: dict[str, BundleSpec] = {}
        self._bundles = BundleCombo(ui.bundleComboBox, self.on_bundle_chosen)
        self._message = MessageBox(ui)
        self._queue = RunQueue(logic.segment, self.update, self._show_queue, self._on_ended)
        self._table = QueueTable(ui, self._queue.remove, self.on_entry)
        self._result = ResultSection(ui, self._message)
        self._age_of: Any = None
        ui.segmentButton.connect("clicked(bool)", self.on_segment)
        ui.segmentAllButton.connect("clicked(bool)", self.on_segment_all)
        ui.cancelButton.connect("clicked(bool)", self.on_cancel)
        ui.emptyQueueButton.connect("clicked(bool)", self._queue.remove_waiting)
        self._show_queue()

    @property
    def run(self) -> SegmentationRun | None:
        """The run in progress, if there is one."""
        return self._queue.running.run if self._queue.running is not None else None

    @property
    def queue(self) -> RunQueue:
        """The volumes that are segmented one after another."""
        return self._queue

    def set_parameters(self, parameters: Any) -> None:
        """Take over a parameter node, or None while there is no scene."""
        self._parameters = parameters
        self._fresh = True
        self.removeObservers()
        self._result.leave()
        if parameters is not None:
            self._age_of = parameters.inputVolume
            self.addObserver(slicer.mrmlScene, slicer.vtkMRMLScene.NodeRemovedEvent, self._on_node_removed)
            self.show_bundles()
            self.choose_input()

    def choose_input(self) -> None:
        """Choose the input for the user if the scene leaves no other choice, and show what is possible now."""
        if self._parameters is None:
            return
        volumes = scalar_volumes()
        if len(volumes) == 1 and self._parameters.inputVolume is None:
            self._parameters.inputVolume = volumes[0]
        self.update()

    def show_bundles(self) -> None:
        """Fill the combo box with the bundles that are installed."""
        self._bundles.fill()
        self._specs = bundle_specs()

    def update(self) -> None:
        """Show what the parameter node and the queue say: bundle, result, and whether a run is possible."""
        self._show_queue()
        if self._parameters is None:
            return
        self._watch_input()
        self._forget_age_of_another()
        self._follow_input()
        self._show_bundle()
        self._result.show(self._parameters.segmentation)
        self._show_buttons()

    def on_bundle_chosen(self, name: str) -> None:
        """Keep the chosen bundle."""
        if self._parameters is not None:
            self._parameters.bundle = name

    def on_segment(self) -> None:
        """Start a run, or let the volume wait for its turn; what hinders a run is said in the panel."""
        parameters = self._parameters
        if parameters is None or self._why_not() is not None:
            return
        target = parameters.segmentation
        if self._queue.will_fill(target):
            answer = Answer.keep  # the result that is to come must not be replaced unseen
        else:
            answer = ask(target) if self._holds_hippocampi(target) else Answer.replace
        if answer is not Answer.cancel:
            self._add([(parameters.inputVolume, target if answer is Answer.replace else None)])

    def on_segment_all(self) -> None:
        """Segment all volumes that have no result yet, one after another, and name those that cannot be segmented."""
        if self._parameters is not None:
            left = self._left_volumes()
            self._add([(volume, None) for volume in left.suitable], left.left_out)

    def on_cancel(self) -> None:
        """End the run in progress."""
        self._queue.cancel()

    def on_entry(self, entry: Entry) -> None:
        """Choose a volume of the queue, and tell what went wrong with it."""
        if self._parameters is not None and slicer.mrmlScene.IsNodePresent(entry.volume):
            self._parameters.inputVolume = entry.volume
        if entry.state is State.failed:
            self._tell_error(entry)

    def close(self) -> None:
        """End all runs and wait until nothing of them is left (the module goes away)."""
        self._parameters = None
        self.removeObservers()
        self._result.close()
        self._queue.close(timeout_s=5)

    def _add(self, pairs: list[tuple[Node, Node]], left_out: str = "") -> None:
        parameters = self._parameters
        if self._queue.running is None:
            self._message.clear()
        if left_out:
            self._message.show_info(left_out)
        self._queue.add([Entry(volume, target, parameters, self._options(volume)) for volume, target in pairs])
        if self._parameters is None:  # the module went away while packages were installed
            return
        self.show_bundles()  # there are more to show once the packages are installed
        self.update()

    def _options(self, volume: Node) -> dict[str, Any]:
        """What is chosen now; the age that was given is the chosen volume's alone."""
        parameters = self._parameters
        age = parameters.ageWeeks if volume is parameters.inputVolume else 0.0
        return {
            "bundle": parameters.bundle or None,
            "windows": parameters.windows.value,
            "device": parameters.device.value,
            "ageWeeks": age or None,
        }

    def _holds_hippocampi(self, target: Node) -> bool:
        """Whether a run would replace something in a node, which may have been loaded from a file."""
        spec = self._specs.get(self._parameters.bundle)
        segments = [segment_id(part) for part in spec.classes] if spec is not None and target is not None else []
        return holds_result(target) or any(measure_segment(target, segment)[0] > 0 for segment in segments)

    def _left_volumes(self) -> LeftVolumes:
        return left_volumes(self._findings, lambda volume: self._queue.why_not(volume) is not None)

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

    def _on_node_removed(self, _caller: Any, _event: str) -> None:
        if not slicer.mrmlScene.IsClosing():
            self.update()

    def _follow_input(self) -> None:
        """Show the result that the chosen volume has, or offer a new one; never that of another volume."""
        volume, target = self._parameters.inputVolume, self._parameters.segmentation
        chosen = volume.GetID() if volume is not None else None
        before, self._input = self._input, chosen
        fresh, self._fresh = self._fresh, False
        if volume is None or before == chosen or slicer.mrmlScene.IsImporting():
            return
        if fresh and target is not None:  # a scene's own choice
            return
        if target is None or (holds_result(target) and not is_result_of(target, volume)):
            self._parameters.segmentation = result_of(volume)

    def _why_not(self) -> str | None:
        """Why a run is not possible, in words; None if it is."""
        volume = self._parameters.inputVolume
        reason = self._queue.why_not(volume) if volume is not None else None
        if reason is not None:
            return reason
        return next((str(finding) for finding in self._findings(volume) if finding.blocking), None)

    def _findings(self, volume: Node) -> list[Finding]:
        return self._check.findings(volume, located=self._parameters.windows.value == "located")

    def _notes(self) -> list[Finding]:
        """What is to be said of the chosen volume, with the chosen model and the age that is given."""
        parameters = self._parameters
        volume, spec = parameters.inputVolume, self._specs.get(parameters.bundle)
        if volume is None:
            return []
        outside = look_at_range(spec, volume.GetName(), parameters.ageWeeks or None) if spec is not None else []
        return [*self._findings(volume), *outside]

    def _on_ended(self, entry: Entry) -> None:
        """Show the end of a run; its parameter node may not be the panel's any more."""
        parameters, run = entry.parameters, entry.run
        if entry.state is State.cancelled:
            self._message.show_info(entry.error.message)
        elif entry.error is not None:
            self._tell_error(entry)
        elif parameters.inputVolume is entry.volume:
            parameters.segmentation = run.node
            if self._parameters is not None:  # with another module open the views are left alone
                show_result(run.node)
        elif parameters.segmentation is run.node:  # it has become the result of another volume than the chosen one
            parameters.segmentation = None

    def _tell_error(self, entry: Entry) -> None:
        name = entry.volume.GetName() if len(self._queue.entries) > 1 else ""
        self._message.show_error(entry.error, entry.log, name)

    def _show_queue(self) -> None:
        """Progress bar, stage and Cancel of the run in progress, and the table."""
        ui, running = self._ui, self._queue.running
        self._table.show(self._queue.entries)
        ui.progressWidget.visible = running is not None
        if running is not None:
            update = running.progress
            name = f"{running.volume.GetName()}: " if len(self._queue.entries) > 1 else ""
            ui.progressBar.value = round(100 * update.fraction)
            ui.stageLabel.text = name + progress_in_words(update.stage, update.remaining_s) + note_in_words(update.note)

    def _show_buttons(self) -> None:
        ui, notes = self._ui, self._notes()
        reason = self._why_not()
        ui.segmentButton.enabled = reason is None
        waits = reason is None and self._queue.running is not None
        ui.segmentButton.text = _("Add to Queue") if waits else _("Segment Hippocampus")
        after = _("Segment this volume, with these settings, after those that are at work or wait.")
        ui.segmentButton.toolTip = reason or (after if waits else _("Find both hippocampi in the input volume."))
        ui.segmentAllButton.visible = len(self._left_volumes().suitable) > 1
        ui.inputNoteLabel.visible = bool(notes)
        ui.inputNoteLabel.text = "\n".join(f"\u26a0 {note}" for note in notes)

    def _show_bundle(self) -> None:
        if not self._bundles.show(self._parameters.bundle):  # a scene from a computer with more bundles
            self._parameters.bundle = self._bundles.default
