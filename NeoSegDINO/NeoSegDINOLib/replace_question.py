"""The question before hippocampi that are there are replaced."""

from __future__ import annotations

import enum

import qt
import slicer
from slicer.i18n import tr as _

from NeoSegDINOLib.nodes import Node


class Answer(enum.Enum):
    """What shall become of the earlier result."""

    replace = "replace"
    keep = "keep"
    cancel = "cancel"


def ask(node: Node) -> Answer:
    """Ask whether the hippocampi in a segmentation node are replaced, kept beside the new ones, or nothing is done."""
    box = qt.QMessageBox(slicer.util.mainWindow())
    box.windowTitle = _("NeoSegDINO: there is a result already")
    box.text = _("'{name}' holds hippocampi already.").format(name=node.GetName())
    box.informativeText = _("Corrections that you have made in it are lost if it is replaced.")
    box.setIcon(qt.QMessageBox.Question)
    box.setStandardButtons(qt.QMessageBox.Yes | qt.QMessageBox.No | qt.QMessageBox.Cancel)
    box.button(qt.QMessageBox.Yes).setText(_("Replace"))
    box.button(qt.QMessageBox.No).setText(_("Keep both"))
    box.button(qt.QMessageBox.Cancel).setText(_("Cancel"))
    box.setDefaultButton(qt.QMessageBox.No)
    answer = box.exec_()
    box.deleteLater()
    if answer == qt.QMessageBox.Yes:
        return Answer.replace
    return Answer.keep if answer == qt.QMessageBox.No else Answer.cancel
