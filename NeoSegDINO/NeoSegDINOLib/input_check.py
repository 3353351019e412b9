"""What the panel says of the chosen volume before the click: why it cannot be segmented, or what to think of."""

from __future__ import annotations

from typing import Any

import slicer
from neosegdino import suitability
from neosegdino.suitability import Finding
from slicer.i18n import tr as _

from NeoSegDINOLib.nodes import Node, ijk_to_ras, sequence_of, why_not, world_matrix


class InputCheck:
    """Looks at a volume node, and again only when it has changed: the panel asks at every change of anything."""

    def __init__(self) -> None:
        self._seen: tuple[Any, ...] | None = None
        self._found: list[Finding] = []

    def findings(self, node: Node, *, located: bool) -> list[Finding]:
        """What there is to say of a volume node, blocking findings first; see `neosegdino.suitability.look`."""
        reason = why_not(node)
        if reason is not None:
            return [Finding(*reason, blocking=True)]
        affine = world_matrix(node) @ ijk_to_ras(node)
        seen = (node.GetID(), node.GetName(), node.GetImageData().GetMTime(), affine.tobytes(), located)
        if seen != self._seen:
            voxels = slicer.util.arrayFromVolume(node).T
            self._found = suitability.look(voxels, affine, f"'{node.GetName()}'", located=located)
            self._seen = seen
        return [*self._found, *_frame(node)]


def _frame(node: Node) -> list[Finding]:
    sequence = sequence_of(node)
    if sequence is None:
        return []
    message = _("'{name}' is one frame of the sequence '{sequence}'; only this frame is segmented.")
    return [
        Finding(
            message.format(name=node.GetName(), sequence=sequence.GetName()),
            _("Choose the frame in the module Sequences first."),
        )
    ]
