"""The `ctk` module of Slicer's Python."""

from __future__ import annotations

import sys
import types

from PySide6 import QtWidgets

from rig import ctk_buttons, ctk_paths, ctk_values
from rig.pythonqt import native, wrap

# Classes that differ from Qt's own only in ways that a panel does not see.
_PLAIN = {
    "ctkCheckBox": QtWidgets.QCheckBox,
    "ctkComboBox": QtWidgets.QComboBox,
    "ctkPushButton": QtWidgets.QPushButton,
    "ctkMenuButton": QtWidgets.QPushButton,
    "ctkSearchBox": QtWidgets.QLineEdit,
    "ctkFittedTextBrowser": QtWidgets.QTextBrowser,
    "ctkExpandableWidget": QtWidgets.QFrame,
    "ctkDynamicSpacer": QtWidgets.QWidget,
}


def build() -> types.ModuleType:
    """Make the module and register it as ``ctk``."""
    module = types.ModuleType("ctk", "Stand-in for PythonQt's ctk module")
    for source in (ctk_buttons, ctk_paths, ctk_values):
        for name, member in vars(source).items():
            if name.startswith("ctk"):
                member.__module__ = "ctk"
                setattr(module, name, member)
    for name, base in _PLAIN.items():
        setattr(module, name, native(type(name, (wrap(base),), {"__module__": "ctk"})))
    sys.modules["ctk"] = module
    return module
