"""A real MRML scene with the logics of Slicer's modules."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer
import vtk

SLICE_VIEWS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}

# Module name -> class of its logic. Volumes comes before Segmentations, which asks for it.
_LOGICS = {
    "Colors": "vtkMRMLColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Models": "vtkSlicerModelsLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}


@dataclass
class Scene:
    """The scene and what must live as long as it.

    Attributes
    ----------
    node : vtkMRMLScene
        The scene; the same as ``slicer.mrmlScene``.
    application_logic : vtkSlicerApplicationLogic
    logics : dict[str, vtkMRMLAbstractLogic]
        Logic of each module that the wheel holds.
    slice_logics : dict[str, vtkMRMLSliceLogic]
        Logic of the views Red, Yellow and Green.
    view_node : vtkMRMLViewNode
        Node of the 3D view.
    """

    node: Any
    application_logic: Any
    logics: dict[str, Any] = field(default_factory=dict)
    slice_logics: dict[str, Any] = field(default_factory=dict)
    view_node: Any = None
    kept: list[Any] = field(default_factory=list)


def boot(temporary: Path, share: Path) -> Scene:
    """Make the process's scene.

    Parameters
    ----------
    temporary : Path
        Folder for the cache of remote files.
    share : Path
        Folder with terminology files.
    """
    node = slicer.vtkMRMLScene()
    slicer.mrmlScene = node
    logic = slicer.vtkSlicerApplicationLogic()
    scene = Scene(node, logic)
    logic.SetMRMLScene(node)
    _default_nodes(scene)
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    for factory in ("vtkMRMLThreeDViewDisplayableManagerFactory", "vtkMRMLSliceViewDisplayableManagerFactory"):
        getattr(slicer, factory).GetInstance().SetMRMLApplicationLogic(logic)
    for name, kind in _LOGICS.items():
        if hasattr(slicer, kind):
            scene.logics[name] = _module_logic(scene, name, kind, share)
    _remote_files(scene, temporary)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(node, True)
    for name, orientation in SLICE_VIEWS.items():
        scene.slice_logics[name] = _slice_logic(scene, name, orientation)
    scene.view_node = _view_node(scene)
    return scene


def _default_nodes(scene: Scene) -> None:
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.node.AddNode(crosshair)
    colours = scene.application_logic.GetColorLogic()
    colours.SetMRMLScene(scene.node)
    colours.AddDefaultColorNodes()


def _module_logic(scene: Scene, name: str, kind: str, share: Path) -> Any:
    logic = getattr(slicer, kind)()
    if hasattr(logic, "SetModuleShareDirectory"):
        logic.SetModuleShareDirectory(str(share))
    logic.SetMRMLApplicationLogic(scene.application_logic)
    logic.SetMRMLScene(scene.node)
    scene.application_logic.SetModuleLogic(name, logic)
    return logic


def _remote_files(scene: Scene, temporary: Path) -> None:
    """The two logics that reading and writing of ``.mrb`` needs."""
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLScene(scene.node)
    remote.SetMRMLApplicationLogic(scene.application_logic)
    remote.GetCacheManager().SetRemoteCacheDirectory(str(temporary))
    manager = slicer.vtkDataIOManagerLogic()
    manager.SetMRMLScene(scene.node)
    manager.SetMRMLApplicationLogic(scene.application_logic)
    manager.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    scene.kept += [remote, manager]


def _slice_logic(scene: Scene, name: str, orientation: str) -> Any:
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(scene.application_logic)
    logic.SetMRMLScene(scene.node)
    scene.application_logic.GetSliceLogics().AddItem(logic)
    node = logic.AddSliceNode(name)
    node.SetOrientation(orientation)
    return logic


def _view_node(scene: Scene) -> Any:
    logic = slicer.vtkMRMLViewLogic()
    logic.SetMRMLApplicationLogic(scene.application_logic)
    logic.SetMRMLScene(scene.node)
    scene.application_logic.GetViewLogics().AddItem(logic)
    scene.kept.append(logic)
    return logic.AddViewNode("1")  # the logic itself forgets it at the scene's next change
