"""Stand-in for qMRMLNodeComboBox, with real scene observers."""
# ruff: noqa: N801, N802, N815 (the names are Slicer's)

from __future__ import annotations

from typing import Any, ClassVar

import shiboken6
import slicer
from PySide6 import QtCore, QtWidgets

from rig.connections import listen
from rig.dialogs import dialogs
from rig.pythonqt import native, qproperty, wrap
from rig.scene_observer import Observers

_CREATE, _RENAME, _DELETE = "create", "rename", "delete"


def _flag(name: str, default: bool) -> QtCore.Property:
    def write(self: Any, value: bool) -> None:
        self._flags[name] = value
        self.refresh()

    return qproperty(bool, lambda self: self._flags.get(name, default), write)


@native
class qMRMLNodeComboBox(wrap(QtWidgets.QWidget)):  # type: ignore[misc]
    """A list of the scene's nodes of some types, with None, new node, rename and delete entries as enabled."""

    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeAddedByUser = QtCore.Signal(object)
    nodeAdded = QtCore.Signal(object)
    currentNodeRenamed = QtCore.Signal(object)
    nodeActivated = QtCore.Signal(object)
    mrmlSceneChanged = QtCore.Signal(object)
    currentNodeValid = QtCore.Signal(bool)
    cpp_signals: ClassVar[dict[str, str]] = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "currentNodeValid",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded",
        "currentNodeRenamed(vtkMRMLNode*)": "currentNodeRenamed",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        "mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged",
    }
    _combo: QtWidgets.QComboBox
    _scene: Any
    _types: list[str]
    _flags: dict[str, bool]
    _texts: dict[str, str]
    _attributes: list[tuple[str, str, str | None]]
    _rows: list[tuple[str, str | None]]
    _current: str | None
    _filling: bool
    _observers: Observers
    _names: Observers

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._scene, self._current, self._filling = None, None, False
        self._types, self._attributes, self._rows = [], [], []
        self._flags, self._texts = {}, {}
        self._observers, self._names = Observers(self), Observers(self)
        self._combo = QtWidgets.QComboBox()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._combo)
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)
        listen(self._combo.currentIndexChanged, self._on_index, 1)

    addEnabled = _flag("add", True)
    removeEnabled = _flag("remove", True)
    noneEnabled = _flag("none", False)
    renameEnabled = _flag("rename", False)
    editEnabled = _flag("edit", False)
    showHidden = _flag("hidden", False)
    showChildNodeTypes = _flag("children", True)
    selectNodeUponCreation = _flag("select", True)
    interactionNodeSingletonTag = qproperty(
        str, lambda self: self._texts.get("tag", ""), lambda self, value: self._texts.__setitem__("tag", value)
    )
    baseName = qproperty(
        str, lambda self: self._texts.get("base", ""), lambda self, value: self._texts.__setitem__("base", value)
    )

    def _set_none_text(self, text: str) -> None:
        self._texts["none"] = text
        self.refresh()

    def _set_types(self, types: list[str]) -> None:
        self._types = list(types)
        self.refresh()

    noneDisplay = qproperty(str, lambda self: self._texts.get("none", "None"), lambda self, v: self._set_none_text(v))
    nodeTypes = qproperty("QStringList", lambda self: list(self._types), lambda self, value: self._set_types(value))
    currentNodeID = qproperty(str, lambda self: self._current or "", lambda self, value: self.setCurrentNodeID(value))

    def setMRMLScene(self, scene: Any) -> None:
        """Show a scene's nodes."""
        self._observers.clear()
        self._scene = scene
        if scene is not None:
            events = (
                scene.NodeAddedEvent,
                scene.NodeRemovedEvent,
                scene.EndBatchProcessEvent,
                scene.EndCloseEvent,
                scene.EndImportEvent,
            )
            for event in events:
                self._observers.add(scene, event, qMRMLNodeComboBox.refresh)
        self.refresh()
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        return self._scene

    def addAttribute(self, node_type: str, name: str, value: str | None = None) -> None:
        """Show only nodes of that type that have the attribute (with that value)."""
        self._attributes.append((node_type, name, value))
        self.refresh()

    def _shows(self, node: Any) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        for wanted, name, value in self._attributes:
            if node.IsA(wanted) and (node.GetAttribute(name) is None or value not in (None, node.GetAttribute(name))):
                return False
        return any(node.IsA(t) if self.showChildNodeTypes else node.GetClassName() == t for t in self._types)

    def nodes(self) -> list[Any]:
        """Nodes that can be chosen."""
        if self._scene is None:
            return []
        every = (self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes()))
        return [node for node in every if self._shows(node)]

    def nodeCount(self) -> int:
        return len(self.nodes())

    def _entries(self, nodes: list[Any]) -> list[tuple[str, str, str | None]]:
        """Texts and meanings of all rows."""
        entries: list[tuple[str, str, str | None]] = [(str(self.noneDisplay), "none", None)] if self.noneEnabled else []
        entries += [(node.GetName() or "", "node", node.GetID()) for node in nodes]
        readable = {t: t.removeprefix("vtkMRML").removesuffix("Node") for t in self._types}
        if self.addEnabled:
            entries += [(f"Create new {readable[t]}", _CREATE, t) for t in self._types]
        if nodes and self.renameEnabled:
            entries.append(("Rename current node...", _RENAME, None))
        if nodes and self.removeEnabled:
            entries.append(("Delete current node", _DELETE, None))
        return entries

    def refresh(self) -> None:
        """Read the scene again (put off while it is being closed, loaded or changed in a batch)."""
        if not shiboken6.isValid(self) or self._filling:
            return
        if self._scene is not None and (
            self._scene.IsClosing() or self._scene.IsImporting() or self._scene.IsBatchProcessing()
        ):
            return
        nodes = self.nodes()
        ids = [node.GetID() for node in nodes]
        self._names.clear()
        for node in nodes:
            self._names.add(node, "ModifiedEvent", qMRMLNodeComboBox._on_node_modified)
        entries = self._entries(nodes)
        self._filling = True
        self._combo.clear()
        self._combo.addItems([text for text, _, _ in entries])
        self._rows = [(kind, value) for _, kind, value in entries]
        chosen = self._current if self._current in ids else None  # a new node is not chosen by itself
        self._point_at(chosen)
        self._filling = False
        self._choose(chosen)

    def _on_node_modified(self) -> None:
        if not shiboken6.isValid(self) or self._filling or self._scene is None:
            return
        for index, (kind, value) in enumerate(self._rows):
            node = self._scene.GetNodeByID(value) if kind == "node" else None
            if node is not None and node.GetName() != self._combo.itemText(index):
                self._combo.setItemText(index, node.GetName() or "")

    def _point_at(self, node_id: str | None) -> None:
        row = ("none", None) if node_id is None else ("node", node_id)
        self._combo.setCurrentIndex(self._rows.index(row) if row in self._rows else -1)

    def _choose(self, node_id: str | None) -> None:
        if node_id == self._current:
            return
        self._current = node_id
        node = self.currentNode()
        self.currentNodeChanged.emit(node)
        self.currentNodeValid.emit(node is not None)
        self.currentNodeIDChanged.emit(node_id or "")

    def _on_index(self, index: int) -> None:
        if self._filling or index < 0:
            return
        kind, value = self._rows[index]
        if kind == _CREATE:
            self._keep_row()
            self.nodeAddedByUser.emit(self.addNode(value))
        elif kind == _RENAME:
            self._keep_row()
            self.renameCurrentNode()
        elif kind == _DELETE:
            self._keep_row()
            self.removeCurrentNode()
        else:
            self._choose(value)
            self.nodeActivated.emit(self.currentNode())

    def _keep_row(self) -> None:
        self._filling = True
        self._point_at(self._current)
        self._filling = False

    def addNode(self, node_type: str | None = None) -> Any:
        """Add a node to the scene as the user's "Create new" does."""
        wanted = node_type or self._types[0]
        node = self._scene.AddNewNodeByClass(wanted, self.baseName)
        for owner, name, value in self._attributes:
            if owner == wanted and value is not None:
                node.SetAttribute(name, value)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAdded.emit(node)
        return node

    def renameCurrentNode(self) -> None:
        node = self.currentNode()
        name = dialogs.show("qMRMLNodeComboBox", "Rename", node.GetName())
        node.SetName(str(name))
        self.currentNodeRenamed.emit(node)

    def removeCurrentNode(self) -> None:
        self._scene.RemoveNode(self.currentNode())

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node: Any) -> None:
        """Choose a node (or its ID, or None)."""
        self.setCurrentNodeID(node if isinstance(node, str | None) else node.GetID())

    def setCurrentNodeID(self, node_id: str | None) -> None:
        """Choose a node by ID; an ID that is not in the list chooses none."""
        wanted = (node_id or None) if ("node", node_id) in self._rows else None
        self._filling = True
        self._point_at(wanted)
        self._filling = False
        self._choose(wanted)

    def setCurrentNodeIndex(self, index: int) -> None:
        self.setCurrentNode(self.nodes()[index])


slicer.qMRMLNodeComboBox = qMRMLNodeComboBox
