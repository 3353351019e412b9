"""A result shown: the slice views pass through the hippocampi, the 3D views turn around them."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from NeoSegDINOLib.measured import identifier, measure_segment
from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.results import report_of


def volume_of(node: Node) -> Node:
    """Volume that a result belongs to; None if it is not in the scene."""
    return node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())


def show_result(node: Node) -> None:
    """Show volume, outlines and surfaces of a result in all views, centred on the hippocampi."""
    volume = volume_of(node)
    if volume is not None:
        slicer.util.setSliceViewerLayers(background=volume)
    node.CreateClosedSurfaceRepresentation()
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetVisibility(True)
    middle = middle_of(node)
    if middle is not None:
        mode = slicer.vtkMRMLSliceNode.CenteredJumpSlice
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *middle, mode)
    layout = slicer.app.layoutManager()
    for index in range(layout.threeDViewCount):
        view = layout.threeDWidget(index).threeDView()
        view.resetCamera()
        view.resetFocalPoint()


def middle_of(node: Node) -> list[float] | None:
    """Place between the hippocampi of a result, in world RAS; None if both are empty."""
    report = report_of(node)
    found = [measure_segment(node, identifier(row["name"])) for row in (report or {"hippocampus": []})["hippocampus"]]
    places = [place for _volume, *place in found if place]
    if not places:
        return None
    to_world = vtk.vtkGeneralTransform()  # the user may have put the result under any transform
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetParentTransformNode(), None, to_world)
    return list(to_world.TransformPoint(np.mean(places, axis=0)))
