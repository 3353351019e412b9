"""The form that finds cases among files."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from NeoSegDINOLib.preflight_job import CaseFiles


class FilesForm:
    """Source of cases, patterns of a folder of pairs, and the values of both sides.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_change : callable
        Called when something else is chosen.
    """

    def __init__(self, ui: Any, on_change: Callable[[], None]) -> None:
        self._ui = ui
        self._on_change = on_change
        ui.sourceEdit.connect("currentPathChanged(QString)", self.on_text)
        ui.browseFolderButton.connect("clicked(bool)", self.on_browse_folder)
        for edit in (ui.leftValuesEdit, ui.rightValuesEdit):
            edit.connect("textChanged(QString)", self.on_text)

    def on_text(self, _text: str) -> None:
        """Another source or other values."""
        self._on_change()

    def on_browse_folder(self) -> None:
        """Choose a folder; the line's own button chooses a table."""
        folder = qt.QFileDialog.getExistingDirectory(None, _("Folder of cases"), self._ui.sourceEdit.currentPath)
        if folder:
            self._ui.sourceEdit.currentPath = folder

    def why_not(self) -> str | None:
        """Why no cases can be looked for, in words; None if they can."""
        if not self._ui.sourceEdit.currentPath.strip():
            return _("Choose a CSV table or a folder.")
        left, right = self._sides()
        if not left or not right:
            return _("The values of each side are whole numbers, for example 1.")
        return _("Left and right share a value.") if set(left) & set(right) else None

    def files(self) -> CaseFiles:
        """The chosen source."""
        ui = self._ui
        source = typed_path(ui.sourceEdit.currentPath)
        return CaseFiles(source, ui.imagesEdit.text.strip(), ui.labelsEdit.text.strip(), *self._sides())

    def clear(self) -> None:
        """Choose nothing, for the next source."""
        self._ui.sourceEdit.currentPath = ""

    def _sides(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        left, right = (_numbers(edit.text) for edit in (self._ui.leftValuesEdit, self._ui.rightValuesEdit))
        return left, right


def typed_path(text: str) -> Path:
    """Absolute path of what somebody has typed: workers have working folders of their own."""
    path = Path(text.strip())
    with contextlib.suppress(RuntimeError):  # a tilde with the name of no user, perhaps not typed to the end
        path = path.expanduser()
    return path.absolute()


def _numbers(text: str) -> tuple[int, ...]:
    """Whole numbers of a text; none if there is anything else in it."""
    words = re.split(r"[\s,;]+", text.strip())
    return tuple(int(word) for word in words) if all(word.isdecimal() for word in words) else ()
