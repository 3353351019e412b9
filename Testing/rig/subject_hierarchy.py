"""What Slicer's subject hierarchy plugins do by themselves: each data node gets an item, and loses it."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

# Kinds of nodes for which a plugin of Slicer makes an item.
_DATA = (
    "vtkMRMLDisplayableNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLSequenceNode",
)
_NOT_DATA = ("vtkMRMLCameraNode", "vtkMRMLAbstractViewNode", "vtkMRMLSliceCompositeNode")


class SubjectHierarchy:
    """Keeps the subject hierarchy in step with the scene."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        scene.AddObserver(scene.NodeAddedEvent, self._on_added)
        scene.AddObserver(scene.NodeRemovedEvent, self._on_removed)
        scene.AddObserver(scene.EndImportEvent, self._on_end_import)

    def _hierarchy(self) -> Any:
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)  # type: ignore[untyped-decorator]
    def _on_added(self, _caller: Any, _event: str, node: Any) -> None:
        if not self._scene.IsImporting():
            self._add(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)  # type: ignore[untyped-decorator]
    def _on_removed(self, _caller: Any, _event: str, node: Any) -> None:
        if self._scene.IsClosing() or not _is_data(node):
            return
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _on_end_import(self, _caller: Any, _event: str) -> None:
        for index in range(self._scene.GetNumberOfNodes()):
            self._add(self._scene.GetNthNode(index))

    def _add(self, node: Any) -> None:
        if not _is_data(node) or node.GetHideFromEditors():
            return
        hierarchy = self._hierarchy()
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)


def _is_data(node: Any) -> bool:
    return any(node.IsA(kind) for kind in _DATA) and not any(node.IsA(kind) for kind in _NOT_DATA)
