"""The segments of a result measured in the scene, so that figures stay true when somebody edits them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import vtk_to_numpy

from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.results import report_of

MEASURED_ATTRIBUTE = "NeoSegDINO.Measured"
"""Attribute of a segmentation node: volume and place of each segment as the run left them."""
LABELMAP = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
TOLERANCE = 0.01
"""mm3 and mm: less is rounding."""


def identifier(name: str) -> str:
    """Identifier of the segment of a class by the class's name, the same in every result."""
    return name.replace(" ", "_")


def remember(node: Node, segments: list[str]) -> None:
    """Note down how the segments are now."""
    node.SetAttribute(MEASURED_ATTRIBUTE, json.dumps({segment: measure_segment(node, segment) for segment in segments}))


def current_report(node: Node) -> dict[str, Any] | None:
    """Report of a result as it is now: measured again if its segments were edited; None if the node holds none."""
    from neosegdino.table import complete

    stored = report_of(node)
    if stored is None:
        return None
    report = complete(stored)
    now = {row["label"]: measure_segment(node, identifier(row["name"])) for row in report["hippocampus"]}
    if not _is_edited(node, report, now):
        return report
    from neosegdino.report import edited

    return edited(report, {label: found[0] for label, found in now.items()})


def measure_segment(node: Node, segment: str) -> list[float]:
    """Volume in mm3 and centre of mass in the node's own RAS; only a 0 for a segment that is empty or not there."""
    from neosegdino import measure

    image = slicer.vtkOrientedImageData()
    if node.GetSegmentation().GetSegment(segment) is None or not _labelmap(node, segment, image):
        return [0.0]
    mask, affine = _voxels(image)
    volumes = measure.volumes_mm3(mask, affine)
    if not volumes:
        return [0.0]
    return [volumes[1], *(float(value) for value in measure.centroids_ras(mask, affine)[1])]


def _labelmap(node: Node, segment: str, image: Any) -> bool:
    """Copy a segment into an image, from surfaces if somebody has made them of it; False if it is empty."""
    if node.GetSegmentation().ContainsRepresentation(LABELMAP):
        found = node.GetBinaryLabelmapRepresentation(segment, image)
    else:
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        found = logic.GetSegmentBinaryLabelmapRepresentation(node, segment, image, False)
    return found and not image.IsEmpty()


def _voxels(image: Any) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Mask ``(i, j, k)`` of an image, and the matrix from its index to RAS."""
    size = image.GetDimensions()
    scalars = vtk_to_numpy(image.GetPointData().GetScalars())
    mask = (scalars.reshape(size[::-1]).T > 0).astype(np.uint8)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = np.array(slicer.util.arrayFromVTKMatrix(matrix))
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2], float)
    return mask, affine


def _is_edited(node: Node, report: dict[str, Any], now: dict[int, list[float]]) -> bool:
    noted = node.GetAttribute(MEASURED_ATTRIBUTE)
    for row in report["hippocampus"]:
        segment = identifier(row["name"])
        before = json.loads(noted)[segment] if noted else [row["volume_mm3"]]
        found = now[row["label"]][: len(before)]
        if len(found) != len(before) or not np.allclose(found, before, rtol=1e-5, atol=TOLERANCE):
            return True
    return False
