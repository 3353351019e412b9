"""The form that makes a case of two nodes of the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from NeoSegDINOLib.case_export import NodePair, subject_of
from NeoSegDINOLib.nodes import why_not
from NeoSegDINOLib.side_choices import Part, guess_sides, parts_of
from NeoSegDINOLib.timer import Timer

SETTLE_MS = 150
"""The labels are looked at this long after their last change: every stroke of a brush is one."""


class PairForm(VTKObservationMixin):
    """Volume, labels, which of them is left and right, and the subject.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_change : callable
        Called when something else is chosen.
    """

    def __init__(self, ui: Any, on_change: Callable[[], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._ui = ui
        self._on_change = on_change
        self._parts: list[Part] = []
        self._settle = Timer(SETTLE_MS, self.refresh, once=True)
        ui.pairVolumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.on_volume_chosen)
        ui.pairLabelsSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.on_labels_chosen)
        for combo in (ui.leftComboBox, ui.rightComboBox):
            combo.connect("currentIndexChanged(int)", self.on_side_chosen)

    def on_volume_chosen(self, node: Any) -> None:
        """Name the subject as the scene does."""
        self._ui.subjectEdit.text = "" if node is None else subject_of(node)
        self._on_change()

    def on_labels_chosen(self, node: Any) -> None:
        """Offer the parts of the labels, the most likely ones first chosen."""
        self.leave()
        self._follow(node)
        parts = parts_of(node)
        self._offer(parts, guess_sides(parts))
        self._on_change()

    def refresh(self) -> None:
        """Offer the parts that the labels have now; what was chosen stays if it is still there under its name."""
        before = {part.key: part for part in self._parts}
        parts = parts_of(self._ui.pairLabelsSelector.currentNode())
        kept = [
            key if before.get(key) in parts else guess
            for key, guess in zip(self._sides(), guess_sides(parts), strict=True)
        ]
        self._offer(parts, kept)
        self._on_change()

    def leave(self) -> None:
        """Follow the labels no longer."""
        self._settle.stop()
        self.removeObservers()

    def _follow(self, node: Any) -> None:
        if node is None:
            return
        kinds = slicer.vtkSegmentation
        changes = (kinds.SegmentAdded, kinds.SegmentRemoved, kinds.SegmentModified)
        if not node.IsA("vtkMRMLSegmentationNode"):
            changes = (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent)
        for event in changes:
            self.addObserver(node, event, self._on_labels_changed)

    def _on_labels_changed(self, _caller: Any, _event: str) -> None:
        self._settle.start()

    def _offer(self, parts: list[Part], chosen: Sequence[str]) -> None:
        self._parts = parts
        for combo, key in zip((self._ui.leftComboBox, self._ui.rightComboBox), chosen, strict=True):
            blocked = combo.blockSignals(True)
            combo.clear()
            combo.addItem(_("Choose"))
            for part in self._parts:
                combo.addItem(part.name)
            combo.currentIndex = next((1 + i for i, part in enumerate(self._parts) if part.key == key), 0)
            combo.blockSignals(blocked)

    def on_side_chosen(self, _index: int) -> None:
        """Another segment or value is a side."""
        self._on_change()

    def why_not(self) -> str | None:
        """Why there is no case yet, in words; None if there is one."""
        ui = self._ui
        reason = why_not(ui.pairVolumeSelector.currentNode())
        if reason is not None:
            return " ".join(reason)
        if ui.pairLabelsSelector.currentNode() is None:
            return _("Choose the segmentation or labelmap with both hippocampi.")
        left, right = self._sides()
        if not left or not right:
            return _("Say which label is the left and which the right hippocampus.")
        return _("Left and right are the same label.") if left == right else None

    def pair(self) -> NodePair:
        """The chosen pair."""
        ui = self._ui
        volume = ui.pairVolumeSelector.currentNode()
        subject = ui.subjectEdit.text.strip() or subject_of(volume)
        return NodePair(volume, ui.pairLabelsSelector.currentNode(), *self._sides(), subject)

    def clear(self) -> None:
        """Choose nothing, for the next pair."""
        self._ui.pairVolumeSelector.setCurrentNode(None)
        self._ui.pairLabelsSelector.setCurrentNode(None)

    def _sides(self) -> tuple[str, str]:
        left, right = (self._key(combo.currentIndex) for combo in (self._ui.leftComboBox, self._ui.rightComboBox))
        return left, right

    def _key(self, index: int) -> str:
        return self._parts[index - 1].key if 1 <= index <= len(self._parts) else ""
