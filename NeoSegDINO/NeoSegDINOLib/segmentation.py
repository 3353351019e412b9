"""A finished result as a segmentation node of the scene."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from neosegdino.errors import OutputError
from numpy.typing import NDArray
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from NeoSegDINOLib.measured import identifier, remember
from NeoSegDINOLib.nodes import Node, ijk_to_own
from NeoSegDINOLib.results import REPORT_ATTRIBUTE
from NeoSegDINOLib.terminology import terminology_entry
from NeoSegDINOLib.uncertainty import take

if TYPE_CHECKING:
    from neosegdino.spec import ClassSpec

    from NeoSegDINOLib.label_boxes import LabelBox
    from NeoSegDINOLib.uncertainty_box import UncertaintyBox

LABELMAP = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
SURFACE = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()


def show_segmentation(
    volume_node: Node,
    boxes: Sequence[LabelBox],
    report: dict[str, Any],
    segmentation_node: Node = None,
    uncertainty: UncertaintyBox | None = None,
) -> Node:
    """Put a result into a new segmentation node, or into the given one.

    Segments of other names that the given node holds stay as they are, and so does its transform then.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode
        The segmented volume; reference geometry, transform and place in the subject hierarchy come from it.
    boxes : sequence of LabelBox
        The classes and their voxels on the volume node's grid.
    report : dict
        The JSON report, kept with the node.
    segmentation_node : vtkMRMLSegmentationNode, optional
        Node to fill in place.
    uncertainty : UncertaintyBox, optional
        Where the model is unsure, kept for when it is asked for.

    Returns
    -------
    vtkMRMLSegmentationNode
        The filled node. A new node is taken out of the scene again if it cannot be filled.
    """
    slicer.mrmlScene.SaveStateForUndo()  # nothing unless undo is switched on
    with contextlib.ExitStack() as undo:
        node = segmentation_node
        if node is None:
            node = _add_node(volume_node)
            undo.callback(slicer.mrmlScene.RemoveNode, node)
        _require_labelmaps(node)
        segments = [segment_id(box.class_spec) for box in boxes]
        alone = set(segments).issuperset(node.GetSegmentation().GetSegmentIDs())
        if alone:
            node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
        fill_segments(node, volume_node, boxes)
        if alone:  # labelmaps on other grids would be resampled
            node.GetSegmentation().CollapseBinaryLabelmaps(False)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
        node.SetAttribute(REPORT_ATTRIBUTE, json.dumps(report))
        remember(node, segments)
        take(node, uncertainty, ijk_to_own(volume_node, node))
        _display(node, segments)
        undo.pop_all()
    return node


def fill_segments(node: Node, volume_node: Node, boxes: Sequence[LabelBox]) -> None:
    """Put the voxels of each class, on the volume node's grid, into its segment; other segments stay as they are."""
    geometry = ijk_to_own(volume_node, node)
    with slicer.util.NodeModify(node):
        for box in boxes:
            _set_segment(node, box.class_spec, _labelmap(box, geometry))


def segment_id(class_spec: ClassSpec) -> str:
    """Return the identifier of a class's segment, which is the same in every result."""
    return identifier(class_spec.name)


def holds_result(node: Node) -> bool:
    """Whether a segmentation node was filled by this module before."""
    return node is not None and node.GetAttribute(REPORT_ATTRIBUTE) is not None


def result_of(volume_node: Node) -> Node:
    """The newest segmentation node that this module has filled for a volume; None if there is none."""
    found = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if is_result_of(node, volume_node)]
    return found[-1] if found else None


def is_result_of(node: Node, volume_node: Node) -> bool:
    """Whether a segmentation node was filled by this module for a volume."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return holds_result(node) and node.GetNodeReference(role) is volume_node


def _add_node(volume_node: Node) -> Node:
    scene = slicer.mrmlScene
    name = scene.GenerateUniqueName(_("{volume} hippocampus").format(volume=volume_node.GetName()))
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    volume_item = hierarchy.GetItemByDataNode(volume_node)
    if volume_item:
        parent = hierarchy.GetItemParent(volume_item)
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.SetItemParent(item, parent)
        else:
            hierarchy.CreateItem(parent, node)
    return node


def _require_labelmaps(node: Node) -> None:
    segmentation = node.GetSegmentation()
    if segmentation.GetNumberOfSegments() == 0:
        segmentation.SetSourceRepresentationName(LABELMAP)
    if segmentation.GetSourceRepresentationName() != LABELMAP:
        raise OutputError(
            _("'{name}' is made of surfaces, not of labelmaps.").format(name=node.GetName()),
            _("Choose another output segmentation, or let a new one be created."),
        )


def _labelmap(box: LabelBox, geometry: NDArray[np.float64]) -> Any:
    """Oriented image of a class's box."""
    image = slicer.vtkOrientedImageData()
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(geometry))
    image.SetExtent(*(end for ends in box.extent for end in ends))
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = box.mask.ravel(order="F")
    return image


def _set_segment(node: Node, class_spec: ClassSpec, labelmap: Any) -> None:
    segmentation = node.GetSegmentation()
    identifier = segment_id(class_spec)
    segment = segmentation.GetSegment(identifier)
    known = segment is not None
    segment = segment if known else slicer.vtkSegment()
    segment.RemoveAllRepresentations()
    segment.SetLabelValue(1)
    segment.AddRepresentation(LABELMAP, labelmap)
    segment.SetName(class_spec.name)
    segment.SetColor(*class_spec.color)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), terminology_entry(class_spec))
    if not known:
        segmentation.AddSegment(segment, identifier)


def _display(node: Node, segments: Sequence[str]) -> None:
    node.RemoveClosedSurfaceRepresentation()
    node.CreateClosedSurfaceRepresentation()
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetVisibility(True)
    display.SetVisibility2D(True)
    display.SetVisibility3D(True)
    display.SetPreferredDisplayRepresentationName3D(SURFACE)
    for segment in segments:
        display.SetSegmentVisibility(segment, True)
