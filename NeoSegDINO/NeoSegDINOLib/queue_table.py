"""The table of volumes that are segmented one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from NeoSegDINOLib.run_queue import Entry, State
from NeoSegDINOLib.wording import error_in_words

NAME, STATE, REMOVE = range(3)
SHOWN_ROWS = 5


class QueueTable:
    """Rows of the queue; seen once there is more than one.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_remove : callable
        Called with a waiting `Entry` that the user takes out.
    on_chosen : callable
        Called with the `Entry` whose row was clicked.
    """

    def __init__(self, ui: Any, on_remove: Callable[[Entry], None], on_chosen: Callable[[Entry], None]) -> None:
        self._ui = ui
        self._on_remove = on_remove
        self._on_chosen = on_chosen
        self._entries: list[Entry] = []
        self._states: list[State] = []
        header = ui.queueTable.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(NAME, qt.QHeaderView.Stretch)
        ui.queueTable.connect("cellClicked(int,int)", self.on_cell)

    def show(self, entries: Sequence[Entry]) -> None:
        """Show entries; rows are made anew only where something else than progress has changed."""
        ui = self._ui
        ui.queueWidget.visible = len(entries) > 1
        ui.emptyQueueButton.visible = sum(entry.state is State.waiting for entry in entries) > 1
        states = [entry.state for entry in entries]
        if list(entries) != self._entries or states != self._states:
            self._entries, self._states = list(entries), states
            self._fill()
        for row, entry in enumerate(self._entries):
            ui.queueTable.item(row, STATE).setText(state_in_words(entry))

    def on_cell(self, row: int, _column: int) -> None:
        """Hand on the user's choice of a row."""
        self._on_chosen(self._entries[row])

    def _fill(self) -> None:
        table = self._ui.queueTable
        table.rowCount = 0  # the buttons of the old rows go
        table.rowCount = len(self._entries)
        for row, entry in enumerate(self._entries):
            name = qt.QTableWidgetItem(entry.volume.GetName())
            name.setToolTip(error_in_words(entry.error) if entry.state is State.failed else entry.volume.GetName())
            state = qt.QTableWidgetItem("")
            if entry.state in _ICONS:
                state.setIcon(table.style().standardIcon(_ICONS[entry.state]))
            table.setItem(row, NAME, name)
            table.setItem(row, STATE, state)
            table.setItem(row, REMOVE, qt.QTableWidgetItem(""))
            if entry.state is State.waiting:
                table.setCellWidget(row, REMOVE, self._remove_button(entry))
        table.setFixedHeight(_height(table, len(self._entries)))

    def _remove_button(self, entry: Entry) -> Any:
        button = qt.QPushButton(_("Remove"))
        button.flat = True
        button.toolTip = _("Take '{name}' out of the queue.").format(name=entry.volume.GetName())
        button.connect("clicked(bool)", lambda: self._on_remove(entry))
        return button


_ICONS = {State.done: qt.QStyle.SP_DialogApplyButton, State.failed: qt.QStyle.SP_MessageBoxWarning}


def state_in_words(entry: Entry) -> str:
    """Say where an entry is on its way."""
    if entry.state is State.running:
        return f"{100 * entry.progress.fraction:.0f} %"
    return {
        State.waiting: _("waits"),
        State.starting: _("starts"),
        State.done: _("done"),
        State.failed: _("failed"),
        State.cancelled: _("cancelled"),
    }[entry.state]


def _height(table: Any, count: int) -> int:
    """Height of a few rows; more are scrolled to."""
    rows = min(count, SHOWN_ROWS)
    return int(rows * table.verticalHeader().defaultSectionSize + 2 * table.frameWidth)
