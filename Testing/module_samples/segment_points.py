"""Where a segment is, computed without the code under test."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy


def segment_points(node, segment: str) -> np.ndarray:
    """World RAS of a segment's voxel centres ``(n, 3)``, sorted."""
    image = node.GetBinaryLabelmapInternalRepresentation(segment)
    value = node.GetSegmentation().GetSegment(segment).GetLabelValue()
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    kji = np.argwhere(voxels == value)
    extent = image.GetExtent()
    ijk = kji[:, ::-1] + np.array(extent[::2])
    matrix, world = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    if node.GetParentTransformNode() is not None:
        assert node.GetParentTransformNode().GetMatrixTransformToWorld(world)
    both = slicer.util.arrayFromVTKMatrix(world) @ slicer.util.arrayFromVTKMatrix(matrix)
    return in_order(ijk @ both[:3, :3].T + both[:3, 3])


def in_order(points: np.ndarray) -> np.ndarray:
    """Points in an order that does not depend on where they came from."""
    keys = np.round(points, 3)
    return points[np.lexsort(keys.T)]


def mask_of(node, part, volume) -> np.ndarray:
    """Voxels ``(i, j, k)`` of a class's segment on a volume's grid, by Slicer's own means."""
    name = part.name.replace(" ", "_")
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume).T > 0
