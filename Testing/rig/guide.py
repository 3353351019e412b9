"""The module's panel, opened to be photographed for a tutorial."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import rig
from rig.demo import MODULE_FILE, print_message
from rig.small_png import shrink

WIDTH = 430
MARGIN = 5
"""Pixels left below the last widget that a picture of the panel shows."""
SETTLE_S = 2.0
"""For what the panel draws a little later."""


class Guide:
    """The panel in the rig, and pictures of it.

    Attributes
    ----------
    session : Session
        The rig.
    panel, widget, ui
        The module's representation, its Python class, and the widgets of its form.
    """

    def __init__(self) -> None:
        self.session = rig.boot()
        from PySide6 import QtCore, QtWidgets

        from rig import theme

        QtCore.qInstallMessageHandler(print_message)
        QtWidgets.QApplication.setPalette(theme.palette(dark=False))
        self.module = self.session.load_module(MODULE_FILE)
        self.panel: Any = self.module.widgetRepresentation()
        self.panel.enter()
        self.widget = self.panel.self()
        self.ui = self.widget.ui

    def settle(self) -> None:
        """Let the panel draw."""
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until:
            self.session.process_events()
            time.sleep(0.02)

    def window(self, target: Path, volume: Any, segmentation: Any = None, size: tuple[int, int] = (1400, 860)) -> None:
        """Save a picture of the window with panel and views."""
        from rig.window import picture

        shrink(picture(self.panel, volume, segmentation, target, size))

    def upper(self, target: Path, last: Any, width: int = WIDTH) -> None:
        """Save a picture of the panel, from its top to the widget `last`."""
        from PySide6 import QtCore, QtWidgets

        panel = self.panel
        panel.show()
        for _ in range(2):  # labels that wrap ask for their height once they know their width
            self.session.process_events()
            panel.resize(width, panel.sizeHint().height())
        self.session.process_events()
        corner = QtWidgets.QWidget.mapTo(last, panel, QtCore.QPoint(0, last.height))
        picture = QtWidgets.QWidget.grab(panel).copy(0, 0, width, corner.y() + MARGIN)
        panel.hide()
        if not picture.save(str(target)):
            raise OSError(f"the picture could not be written to {target}")
        shrink(target)
