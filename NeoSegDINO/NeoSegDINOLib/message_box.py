"""The panel's own message: what happened, what to do, and a log that copies with one click."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.wording import error_in_words

ICON_PIXELS = 20


class MessageBox:
    """Message frame of the form.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    part : str, optional
        What the names of the message's widgets begin with (``run`` for ``runMessageFrame``, ``copyRunLogButton``).
    """

    def __init__(self, ui: Any, part: str = "") -> None:
        message = f"{part}Message" if part else "message"
        self._frame, self._icon, self._label = (getattr(ui, message + kind) for kind in ("Frame", "Icon", "Label"))
        self._copy = getattr(ui, f"copy{part.capitalize()}LogButton")
        self._log = ""
        self._copy.connect("clicked(bool)", self.on_copy_log)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self._frame.visible = False

    def show_info(self, text: str) -> None:
        """Show a neutral message."""
        self._show(text, qt.QStyle.SP_MessageBoxInformation, "")

    def show_error(self, error: NeoSegDINOError, log: str, name: str = "") -> None:
        """Show an error with its remedy, and of which of several volumes it is; offer the log."""
        text = error_in_words(error)
        self._show(f"{name}: {text}" if name else text, qt.QStyle.SP_MessageBoxWarning, log)

    def show_warning(self, text: str, log: str) -> None:
        """Show a warning, and offer the log."""
        self._show(text, qt.QStyle.SP_MessageBoxWarning, log)

    def on_copy_log(self) -> None:
        """Put the log on the clipboard."""
        slicer.app.clipboard().setText(self._log)
        self._copy.text = _("Copied")

    def _show(self, text: str, icon: Any, log: str) -> None:
        self._log = log
        self._label.text = text
        self._icon.setPixmap(self._frame.style().standardIcon(icon).pixmap(ICON_PIXELS, ICON_PIXELS))
        self._copy.text = _("Copy log")
        self._copy.visible = bool(log)
        self._frame.visible = True
