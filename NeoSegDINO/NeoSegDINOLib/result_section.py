"""The part of the tab "Segment" that shows a result: its figures, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from NeoSegDINOLib import uncertainty
from NeoSegDINOLib.background import Background
from NeoSegDINOLib.install import ensure_packages
from NeoSegDINOLib.measured import current_report
from NeoSegDINOLib.message_box import MessageBox
from NeoSegDINOLib.result_files import copy_table, page_writer, write_table
from NeoSegDINOLib.result_views import show_result, volume_of
from NeoSegDINOLib.results import (
    CONFIDENCE_COLUMN,
    SIDE_COLUMN,
    fill_table,
    sources_in_words,
    table_lines,
    warnings_in_words,
)
from NeoSegDINOLib.segment_editor import open_segment_editor
from NeoSegDINOLib.timer import Timer

SETTLE_MS = 150
"""Edits come in bursts: the segments are measured again once they have settled."""


class ResultSection(VTKObservationMixin):
    """Table, warnings and buttons of one result.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    message : MessageBox
        The tab's message.
    """

    def __init__(self, ui: Any, message: MessageBox) -> None:
        VTKObservationMixin.__init__(self)
        self._ui = ui
        self._message = message
        self._node: Any = None
        self._following = False
        self._report: dict[str, Any] | None = None
        self._writing: Background[None] | None = None
        header = ui.resultTable.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.Stretch)
        for column in (SIDE_COLUMN, CONFIDENCE_COLUMN):  # the words that a narrow panel would cut off
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        ui.showButton.connect("clicked(bool)", self.on_show)
        ui.editButton.connect("clicked(bool)", self.on_edit)
        ui.uncertaintyCheckBox.connect("toggled(bool)", self.on_uncertainty)
        ui.pageButton.connect("clicked(bool)", self.on_page)
        ui.saveTableButton.connect("clicked(bool)", self.on_save_table)
        ui.copyTableButton.connect("clicked(bool)", self.on_copy_table)
        self._settle = Timer(SETTLE_MS, self.refresh, once=True)

    def show(self, node: Any) -> None:
        """Show the result that a segmentation node holds; None, or a node without a result, shows none."""
        if node is not self._node or not self._following:
            self.leave()
            self._node, self._following = node, True
            if not slicer.mrmlScene.IsImporting():  # while a scene is read, its nodes do not know one another yet
                uncertainty.hide_others(node)
            if node is not None:
                self._follow(node)
        self.refresh()

    def leave(self) -> None:
        """Follow the node no longer; what is shown of it stays."""
        self._settle.stop()
        self.removeObservers()
        self._node, self._following = None, False

    def refresh(self) -> None:
        """Measure the segments and show the figures."""
        node, ui = self._node, self._ui
        report = self._report = None if node is None else current_report(node)
        ui.resultWidget.visible = report is not None
        fill_table(ui.resultTable, [] if report is None else table_lines(report))
        self._say(ui.publishedLabel, "" if report is None else sources_in_words(report))
        self._say(ui.warningsLabel, "" if report is None else warnings_in_words(report))
        ui.copyTableButton.text = _("Copy table")
        self._show_uncertainty()

    def on_show(self) -> None:
        """Centre all views on the hippocampi."""
        if self._node is not None:
            show_result(self._node)

    def on_edit(self) -> None:
        """Open the Segment Editor on the result."""
        node = self._node
        if node is not None:
            open_segment_editor(node, volume_of(node))

    def on_uncertainty(self, wanted: bool) -> None:
        """Show or remove the uncertainty."""
        if self._node is None:
            return
        if wanted:
            uncertainty.show(self._node)
        else:
            uncertainty.hide(self._node)
        self._show_uncertainty()

    def on_page(self) -> None:
        """Write the page where the user wants it, without stopping the window."""
        path = self._ask(_("Save the report"), "report.pdf", "PDF (*.pdf);;HTML (*.html)")
        if path is None or self._report is None:
            return
        try:
            ensure_packages()
            work = page_writer(self._node, self._report, path)
        except NeoSegDINOError as error:
            self._message.show_error(error, str(error))
            return
        self._ui.pageButton.enabled = False
        self._writing = Background(work, lambda _none: self._page_written(path), self._page_failed)
        self._writing.start()

    def on_save_table(self) -> None:
        """Write the figures as CSV where the user wants them."""
        path = self._ask(_("Save the table"), "table.csv", "CSV (*.csv)")
        report = self._report
        if path is not None and report is not None and self._try(lambda: write_table(report, path)):
            self._message.show_info(_("Saved: {path}").format(path=path))

    def on_copy_table(self) -> None:
        """Put the figures on the clipboard."""
        if self._report is not None:
            copy_table(self._report)
            self._ui.copyTableButton.text = _("Copied")

    def close(self) -> None:
        """Let go of the node and tell nobody of a page that is being written (the module goes away)."""
        self.leave()
        if self._writing is not None:
            self._writing.forget()

    def _follow(self, node: Any) -> None:
        kinds = slicer.vtkSegmentation
        for event in (kinds.SourceRepresentationModified, kinds.SegmentAdded, kinds.SegmentRemoved):
            self.addObserver(node, event, self._on_edited)

    def _on_edited(self, _caller: Any, _event: str) -> None:
        self._settle.start()

    def _show_uncertainty(self) -> None:
        box, node = self._ui.uncertaintyCheckBox, self._node
        there = uncertainty.can_be_shown(node)
        box.enabled = there
        box.toolTip = (
            _("Colour the slices where the model is unsure, from dark magenta (a little) to bright (much).")
            if there
            else _("The uncertainty is not kept with a saved scene. Segment again to see it.")
        )
        blocked = box.blockSignals(True)
        box.checked = uncertainty.is_shown(node)
        box.blockSignals(blocked)

    def _say(self, label: Any, text: str) -> None:
        label.text = text
        label.visible = bool(text)

    def _ask(self, title: str, ending: str, kinds: str) -> Path | None:
        """Path of a file to write; None if the user has none."""
        proposed = f"{self._node.GetName()} {ending}"
        chosen = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, proposed, kinds)
        return Path(chosen) if chosen else None

    def _try(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except NeoSegDINOError as error:
            self._message.show_error(error, str(error))
            return False
        return True

    def _page_written(self, path: Path) -> None:
        self._ui.pageButton.enabled = True
        self._message.show_info(_("Saved: {path}").format(path=path))

    def _page_failed(self, error: NeoSegDINOError) -> None:
        self._ui.pageButton.enabled = True
        self._message.show_error(error, str(error))
