"""Slicer's own Segment Editor, opened on a result."""

from __future__ import annotations

import slicer

from NeoSegDINOLib.nodes import Node

MODULE = "SegmentEditor"


def open_segment_editor(node: Node, volume: Node) -> None:
    """Switch to the Segment Editor with a segmentation, and the volume to edit over (None leaves it to the user)."""
    slicer.util.selectModule(MODULE)
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(node)
    if volume is not None:
        editor.setSourceVolumeNode(volume)
