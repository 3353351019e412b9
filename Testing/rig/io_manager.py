"""Stand-in for Slicer's input and output manager, on MRML's own storage nodes."""
# ruff: noqa: N802 (the names are Slicer's)

from __future__ import annotations

from pathlib import Path
from typing import Any

_TYPES = {
    ".seg.nrrd": "SegmentationFile",
    ".seg.nhdr": "SegmentationFile",
    ".nrrd": "VolumeFile",
    ".nhdr": "VolumeFile",
    ".nii.gz": "VolumeFile",
    ".nii": "VolumeFile",
    ".mha": "VolumeFile",
    ".mrb": "SceneFile",
    ".mrml": "SceneFile",
    ".h5": "TransformFile",
    ".tfm": "TransformFile",
    ".vtk": "ModelFile",
    ".stl": "ModelFile",
    ".obj": "ModelFile",
    ".mrk.json": "MarkupsFile",
    ".csv": "TableFile",
    ".tsv": "TableFile",
}
_NODES = {
    "SegmentationFile": ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode"),
    "TransformFile": ("vtkMRMLTransformNode", "vtkMRMLTransformStorageNode"),
    "ModelFile": ("vtkMRMLModelNode", "vtkMRMLModelStorageNode"),
    "MarkupsFile": ("vtkMRMLMarkupsFiducialNode", "vtkMRMLMarkupsFiducialStorageNode"),
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode"),
}


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return next((s for s in sorted(_TYPES, key=len, reverse=True) if name.endswith(s)), "")


class IOManager:
    """Loads and saves files through the nodes' storage."""

    def __init__(self, scene: Any, logics: dict[str, Any]) -> None:
        self._scene = scene
        self._logics = logics

    def fileType(self, path: str | Path) -> str:
        return _TYPES.get(_suffix(Path(path)), "NoFile")

    def fileWriterFileType(self, node: Any) -> str:
        return "SegmentationFile" if node.IsA("vtkMRMLSegmentationNode") else "VolumeFile"

    def loadNodes(self, kind: str, properties: dict[str, Any], loaded: Any, messages: Any = None) -> bool:
        """Load a file; whether it worked. The new node is appended to the collection `loaded`."""
        path = Path(properties["fileName"])
        if not path.is_file():
            return False
        if kind == "SceneFile":
            return self._load_scene(path, bool(properties.get("clear", False)), messages)
        name = properties.get("name") or path.name.removesuffix(_suffix(path))
        if kind == "VolumeFile":
            labels = 1 if properties.get("labelmap") else 0
            node = self._logics["Volumes"].AddArchetypeVolume(str(path), name, labels)
        else:
            node = self._load_stored(kind, path, name)
        if node is None:
            return False
        loaded.AddItem(node)
        return True

    def _load_stored(self, kind: str, path: Path, name: str) -> Any:
        node_class, storage_class = _NODES[kind]
        node = self._scene.AddNewNodeByClass(node_class, name)
        storage = self._scene.AddNewNodeByClass(storage_class)
        storage.SetFileName(str(path))
        if not storage.ReadData(node):
            self._scene.RemoveNode(storage)
            self._scene.RemoveNode(node)
            return None
        node.SetAndObserveStorageNodeID(storage.GetID())
        if hasattr(node, "CreateDefaultDisplayNodes"):
            node.CreateDefaultDisplayNodes()
        return node

    def _load_scene(self, path: Path, clear: bool, messages: Any) -> bool:
        if path.suffix == ".mrb":
            return bool(self._scene.ReadFromMRB(str(path), clear, messages))
        self._scene.SetURL(str(path))
        return bool(self._scene.Connect(messages) if clear else self._scene.Import(messages))

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any = None) -> bool:
        """Save a node or the scene; whether it worked."""
        path = str(properties["fileName"])
        if kind == "SceneFile":
            return self._save_scene(path, messages)
        node = self._scene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        storage.SetFileName(path)
        return bool(storage.WriteData(node))

    def _save_scene(self, path: str, messages: Any) -> bool:
        if path.endswith(".mrb"):
            return bool(self._scene.WriteToMRB(path, None, messages))
        self._scene.SetURL(path)
        return bool(self._scene.Commit(path, messages))
