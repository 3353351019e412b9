"""Where the model is unsure, as a volume over the slices: made when it is asked for, and removed again.

What a run has found is kept beside its segmentation node, not in the scene. A shown volume is saved with the scene;
after loading it is tied to its segmentation by a node reference, and can be hidden and shown again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from NeoSegDINOLib.measured import own_change
from NeoSegDINOLib.nodes import Node, ijk_to_own
from NeoSegDINOLib.uncertainty_box import UncertaintyBox

VOLUME = "vtkMRMLScalarVolumeNode"
ROLE = "NeoSegDINOUncertainty"
"""Reference from a segmentation to the volume that shows its uncertainty."""
FORMER_ROLE = "NeoSegDINOFormerForeground"
FORMER_OPACITY = "NeoSegDINO.FormerForegroundOpacity"
MARK = "NeoSegDINO.Uncertainty"
COLOURS = "vtkMRMLColorTableNodeMagenta"
"""Neither the outlines nor any tissue look like it."""
OPACITY = 0.6
SHOWN_FROM, BRIGHTEST = 0.05, 0.5
"""Below the first nothing is drawn; from the second on, where another class is as likely, it is as bright as can be."""


@dataclass(frozen=True, eq=False)
class _Kept:
    """Values and place of a node's uncertainty, in the node's own RAS as the run left it."""

    node: Any
    values: NDArray[np.float16]
    ijk_to_ras: NDArray[np.float64]


_all: list[_Kept] = []


def take(node: Node, box: UncertaintyBox | None, geometry: NDArray[np.float64]) -> None:
    """Keep what a run has found; a volume that shows an older finding shows the new one.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode
        The result.
    box : UncertaintyBox or None
        Where the model is unsure; None if nowhere.
    geometry : ndarray
        Voxel index of the box's volume to the node's own RAS.
    """
    shown = is_shown(node)
    hide(node)
    _forget(node)
    if box is None:
        return
    place = geometry.copy()
    place[:3, 3] += geometry[:3, :3] @ np.array(box.origin, float)
    _keep(node, box.values, place)
    if shown:
        show(node)


def can_be_shown(node: Node) -> bool:
    """Whether a node's uncertainty is known in this session, or in the scene."""
    return node is not None and (is_shown(node) or _kept(node) is not None)


def is_shown(node: Node) -> bool:
    """Whether the scene holds the volume."""
    return node is not None and node.GetNodeReference(ROLE) is not None


def show(node: Node) -> None:
    """Put the volume into the scene and over the slices."""
    kept = _kept(node)
    if is_shown(node) or kept is None:
        return
    volume = slicer.mrmlScene.AddNewNodeByClass(VOLUME, _("{name} uncertainty").format(name=node.GetName()))
    volume.SetAttribute(MARK, "1")
    volume.SetAndObserveTransformNodeID(node.GetTransformNodeID())
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(own_change(node) @ kept.ijk_to_ras))
    slicer.util.updateVolumeFromArray(volume, np.ascontiguousarray(kept.values.astype(np.float32).T))
    node.SetNodeReferenceID(ROLE, volume.GetID())
    _colour(volume)
    _put_over(volume)


def hide(node: Node) -> None:
    """Take the volume out of the scene; what lay over the slices before comes back."""
    volume = None if node is None else node.GetNodeReference(ROLE)
    if volume is None:
        return
    if _kept(node) is None:  # it came with the scene
        values = slicer.util.arrayFromVolume(volume).T.astype(np.float16)
        _keep(node, values, np.linalg.inv(own_change(node)) @ ijk_to_own(volume, node))
    node.SetNodeReferenceID(ROLE, None)
    _remove(volume)


def hide_others(node: Node) -> None:
    """Remove the volumes of all other segmentations, also of those that are gone."""
    mine = None if node is None else node.GetNodeReference(ROLE)
    for other in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        if other is not node:
            hide(other)
    for volume in slicer.util.getNodesByClass(VOLUME):
        if volume.GetAttribute(MARK) and volume is not mine:
            _remove(volume)


def _keep(node: Node, values: NDArray[np.float16], place: NDArray[np.float64]) -> None:
    reference = vtk.vtkWeakReference()  # nothing is kept for a node that is gone
    reference.Set(node)
    _all[:] = [kept for kept in _all if kept.node.Get() is not None]
    _all.append(_Kept(reference, values, place))


def _kept(node: Node) -> _Kept | None:
    return next((kept for kept in _all if kept.node.Get() is node), None)


def _forget(node: Node) -> None:
    _all[:] = [kept for kept in _all if kept.node.Get() is not node]


def _colour(volume: Node) -> None:
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    display.SetAndObserveColorNodeID(COLOURS)
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, BRIGHTEST)
    display.AutoThresholdOff()
    display.SetThreshold(SHOWN_FROM, 1.0)
    display.ApplyThresholdOn()


def _put_over(volume: Node) -> None:
    view = _first_view()
    if view is not None:
        volume.SetNodeReferenceID(FORMER_ROLE, view.GetForegroundVolumeID())
        volume.SetAttribute(FORMER_OPACITY, str(view.GetForegroundOpacity()))
    slicer.util.setSliceViewerLayers(foreground=volume, foregroundOpacity=OPACITY)


def _remove(volume: Node) -> None:
    view = _first_view()
    if view is not None and view.GetForegroundVolumeID() == volume.GetID():
        former, opacity = volume.GetNodeReference(FORMER_ROLE), volume.GetAttribute(FORMER_OPACITY)
        slicer.util.setSliceViewerLayers(foreground=former, foregroundOpacity=float(opacity or 0))
    for part in (volume.GetDisplayNode(), volume.GetStorageNode(), volume):
        if part is not None:
            slicer.mrmlScene.RemoveNode(part)


def _first_view() -> Node:
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
