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
GEOMETRY_ATTRIBUTE = "NeoSegDINO.Geometry"
"""Attribute of a segmentation node: matrix from voxel index to its own RAS, of the labelmaps as the run left them."""
LABELMAP = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
TOLERANCE = 0.01
"""mm3 and mm: less is rounding."""


def identifier(name: str) -> str:
    """Identifier of the segment of a class by the class's name, the same in every result."""
    return name.replace(" ", "_")


def remember(node: Node, segments: list[str]) -> None:
    """Note down how the segments are now."""
    node.SetAttribute(MEASURED_ATTRIBUTE, json.dumps(_measure_all(node, segments)))
    geometry = _geometry(node, segments)
    node.SetAttribute(GEOMETRY_ATTRIBUTE, None if geometry is None else json.dumps(geometry.tolist()))


def current_report(node: Node) -> dict[str, Any] | None:
    """Report of a result as it is now: measured again if its segments were edited; None if the node holds none."""
    from neosegdino.table import complete

    stored = report_of(node)
    if stored is None:
        return None
    report = complete(stored)
    rows = report["hippocampus"]
    now = _measure_all(node, [identifier(row["name"]) for row in rows])
    before = _noted(node) or {identifier(row["name"]): [row["volume_mm3"]] for row in rows}
    change = _change(node, before, now)
    if not _is_edited({segment: _changed(found, change) for segment, found in before.items()}, now):
        return report
    from neosegdino.report import edited

    scale = _scale(report, before) / abs(np.linalg.det(change))
    return edited(report, {row["label"]: scale * now[identifier(row["name"])][0] for row in rows})


def own_change(node: Node) -> NDArray[np.float64]:
    """Matrix ``(4, 4)`` from a result's own RAS as it was after the run to that of now: not 1 if it was hardened.

    A transform that is hardened moves the voxels and leaves no other trace. Where the labelmaps have come to another
    grid, that is told from an edit by the segments' places.
    """
    before = _noted(node)
    return np.eye(4) if before is None else _change(node, before, _measure_all(node, list(before)))


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


def _measure_all(node: Node, segments: list[str]) -> dict[str, list[float]]:
    return {segment: measure_segment(node, segment) for segment in segments}


def _noted(node: Node) -> dict[str, list[float]] | None:
    """Volume and place of each segment as the run left them; None where that was not noted down."""
    noted = node.GetAttribute(MEASURED_ATTRIBUTE)
    return None if noted is None else json.loads(noted)


def _geometry(node: Node, segments: list[str]) -> NDArray[np.float64] | None:
    """Matrix from voxel index to the node's own RAS, of the first segment that is not empty."""
    image = slicer.vtkOrientedImageData()
    for segment in segments:
        if node.GetSegmentation().GetSegment(segment) is not None and _labelmap(node, segment, image):
            return _image_to_ras(image)
    return None


def _change(node: Node, before: dict[str, list[float]], now: dict[str, list[float]]) -> NDArray[np.float64]:
    """See `own_change`; before and now are volumes and places of the segments."""
    noted, geometry = node.GetAttribute(GEOMETRY_ATTRIBUTE), _geometry(node, list(before))
    if noted is None or geometry is None:
        return np.eye(4)
    change = geometry @ np.linalg.inv(np.array(json.loads(noted)))
    pairs = [(before[segment][1:], now[segment][1:]) for segment in before]
    places = np.array([pair for pair in pairs if all(pair)]).reshape(-1, 2, 3)
    stayed = places[:, 1] - places[:, 0]
    moved = stayed - (places[:, 0] @ (change[:3, :3] - np.eye(3)).T + change[:3, 3])
    return change if np.linalg.norm(moved) < np.linalg.norm(stayed) else np.eye(4)


def _changed(found: list[float], change: NDArray[np.float64]) -> list[float]:
    """Volume and place of a segment after a change of the node's own RAS."""
    volume = found[0] * abs(np.linalg.det(change))
    place = change[:3, :3] @ found[1:] + change[:3, 3] if found[1:] else ()
    return [volume, *(float(value) for value in place)]


def _scale(report: dict[str, Any], before: dict[str, list[float]]) -> float:
    """mm3 in the report, which are the world's, for each mm3 of the node's own RAS after the run."""
    world = sum(row["volume_mm3"] for row in report["hippocampus"])
    own = sum(found[0] for found in before.values())
    return world / own if own and abs(world - own) > TOLERANCE * len(before) else 1.0


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
    affine = _image_to_ras(image)
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2], float)
    return mask, affine


def _image_to_ras(image: Any) -> NDArray[np.float64]:
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return np.array(slicer.util.arrayFromVTKMatrix(matrix))


def _is_edited(before: dict[str, list[float]], now: dict[str, list[float]]) -> bool:
    for segment, expected in before.items():
        found = now[segment][: len(expected)]
        if len(found) != len(expected) or not np.allclose(found, expected, rtol=1e-5, atol=TOLERANCE):
            return True
    return False
