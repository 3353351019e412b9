"""Volumes of the scene that have no result yet: those that "Segment All" takes, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import slicer
from neosegdino.suitability import Finding
from slicer.i18n import tr as _

from NeoSegDINOLib import uncertainty
from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.run_nodes import RUN_ATTRIBUTE
from NeoSegDINOLib.segmentation import result_of

VOLUME = "vtkMRMLScalarVolumeNode"
"""Class of the volumes to segment; labelmaps and vector volumes are of classes derived from it."""


@dataclass(frozen=True)
class LeftVolumes:
    """What is left to segment.

    Attributes
    ----------
    suitable : list of Node
        Those that can be segmented.
    refused : list of Finding
        Why the others cannot be, one for each.
    """

    suitable: list[Node] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)

    @property
    def left_out(self) -> str:
        """Which are left out and why, in words; empty for none."""
        reasons = " ".join(finding.message for finding in self.refused)
        return _("Left out: {reasons}").format(reasons=reasons) if reasons else ""


def scalar_volumes() -> list[Node]:
    """Scalar volumes of the scene, without nodes of derived classes."""
    return [node for node in slicer.util.getNodesByClass(VOLUME) if node.GetClassName() == VOLUME]


def left_volumes(findings: Callable[[Node], list[Finding]], pending: Callable[[Node], bool]) -> LeftVolumes:
    """Sort out the volumes that the user has loaded, that have no result and are neither at work nor wait.

    Parameters
    ----------
    findings : callable
        Says what there is to say of a volume, blocking findings first.
    pending : callable
        Says whether a volume is at work or waits.
    """
    left = LeftVolumes()
    for node in scalar_volumes():
        if not _is_loaded(node) or pending(node) or result_of(node) is not None:
            continue
        refusal = next((finding for finding in findings(node) if finding.blocking), None)
        if refusal is None:
            left.suitable.append(node)
        else:
            left.refused.append(refusal)
    return left


def _is_loaded(node: Node) -> bool:
    """Whether the user has brought a volume in: not hidden, and not made by this module."""
    marks = (RUN_ATTRIBUTE, uncertainty.MARK)
    return not node.GetHideFromEditors() and all(node.GetAttribute(mark) is None for mark in marks)
