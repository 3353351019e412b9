"""The user's default model, kept in Slicer's settings."""

from __future__ import annotations

import slicer

KEY = "NeoSegDINO/DefaultModel"
SHIPPED = ""
"""Stands for the model that ships with the extension, as in the parameter node and on the command line."""


def default_bundle() -> str:
    """Name of the model that is used where none is named."""
    return str(slicer.util.settingsValue(KEY, SHIPPED))


def set_default_bundle(name: str) -> None:
    """Keep a model as the default one; an empty name for the shipped one."""
    settings = slicer.app.userSettings()
    if name == SHIPPED:
        settings.remove(KEY)
    else:
        settings.setValue(KEY, name)
    settings.sync()
