"""What the panel says of the chosen volume before the click: why it cannot be segmented, or what to think of."""

from __future__ import annotations

from typing import Any

import slicer
from neosegdino import suitability
from neosegdino.suitability import Finding
from slicer.i18n import tr as _

from NeoSegDINOLib.nodes import Node, ijk_to_ras, sequence_of, why_not, world_matrix


class InputCheck:
    """Looks at volume nodes, and again only when one has changed: the panel asks at every change of anything."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[tuple[Any, ...], list[Finding]]] = {}

    def findings(self, node: Node, *, located: bool) -> list[Finding]:
        """What there is to say of a volume node, blocking findings first; see `neosegdino.suitability.look`."""
        reason = why_not(node)
        if reason is not None:
            return [Finding(*reason, blocking=True)]
        affine = world_matrix(node) @ ijk_to_ras(node)
        state = (node.GetName(), node.GetImageData().GetMTime(), affine.tobytes(), located)
        seen, found = self._found.get(node.GetID(), (None, []))
        if seen != state:
            voxels = slicer.util.arrayFromVolume(node).T
            found = suitability.look(voxels, affine, f"'{node.GetName()}'", located=located)
            self._found[node.GetID()] = (state, found)
        return [*found, *_frame(node)]


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
