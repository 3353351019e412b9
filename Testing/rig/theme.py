"""Colours of Slicer's light and dark styles."""

from __future__ import annotations

from PySide6 import QtGui

VIEW_COLOURS = {"Red": "#f34a33", "Green": "#6eb04b", "Yellow": "#edd54c", "3D": "#8d8bc9"}

_Role = QtGui.QPalette.ColorRole
_LIGHT = {
    _Role.Window: "#f0f0f0",
    _Role.WindowText: "#000000",
    _Role.Base: "#ffffff",
    _Role.AlternateBase: "#f5f5f5",
    _Role.Text: "#000000",
    _Role.Button: "#f0f0f0",
    _Role.ButtonText: "#000000",
    _Role.BrightText: "#ffffff",
    _Role.Highlight: "#308cc6",
    _Role.HighlightedText: "#ffffff",
    _Role.ToolTipBase: "#ffffdc",
    _Role.ToolTipText: "#000000",
    _Role.Link: "#0057ae",
}
_DARK = _LIGHT | {
    _Role.Window: "#353535",
    _Role.WindowText: "#f0f0f0",
    _Role.Base: "#232323",
    _Role.AlternateBase: "#2d2d2d",
    _Role.Text: "#f0f0f0",
    _Role.Button: "#3c3c3c",
    _Role.ButtonText: "#f0f0f0",
    _Role.Highlight: "#2a82da",
    _Role.Link: "#6cb2ff",
}
_DISABLED = {False: "#8c8c8c", True: "#7f7f7f"}


def palette(dark: bool) -> QtGui.QPalette:
    """Return the palette of the light or the dark style."""
    made = QtGui.QPalette()
    for role, colour in (_DARK if dark else _LIGHT).items():
        made.setColor(role, QtGui.QColor(colour))
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText):
        made.setColor(QtGui.QPalette.ColorGroup.Disabled, role, QtGui.QColor(_DISABLED[dark]))
    return made
