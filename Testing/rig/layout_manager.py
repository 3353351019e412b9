"""Stand-in for Slicer's layout manager: real slice nodes and logics, without windows."""
# ruff: noqa: N802, N815 (the names are Slicer's)

from __future__ import annotations

import types
from typing import Any

from rig.scene import Scene


class SliceWidget:
    """One slice view: its node and logic are real, its controller only remembers."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self.fits = 0

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def sliceController(self) -> SliceWidget:
        return self

    def sliceView(self) -> SliceWidget:
        return self

    def fitSliceToBackground(self) -> None:
        self.fits += 1
        self._logic.FitSliceToBackground()

    def forceRender(self) -> None:
        """Nothing to draw without a window."""

    scheduleRender = forceRender

    def setVisible(self, _visible: bool) -> None:
        """Nothing to show without a window."""


class ThreeDWidget:
    """The 3D view, without a window: resets are counted."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self.resets = 0

    def mrmlViewNode(self) -> Any:
        return self._node

    def threeDView(self) -> ThreeDWidget:
        return self

    def threeDController(self) -> ThreeDWidget:
        return self

    def resetFocalPoint(self) -> None:
        self.resets += 1

    resetCamera = resetFocalPoint

    def rotateToViewAxis(self, _axis: int) -> None:
        """Nothing to turn without a window."""

    def forceRender(self) -> None:
        """Nothing to draw without a window."""

    scheduleRender = forceRender


class LayoutManager:
    """The views Red, Yellow, Green and one 3D view."""

    tableViewCount = 0
    plotViewCount = 0
    threeDViewCount = 1

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._slices = {name: SliceWidget(logic) for name, logic in scene.slice_logics.items()}
        self._three_d = ThreeDWidget(scene.view_node)
        self.layout = 3  # SlicerLayoutFourUpView

    def setLayout(self, layout: int) -> None:
        self.layout = layout

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._slices)

    def sliceWidget(self, name: str) -> SliceWidget | None:
        return self._slices.get(name)

    def threeDWidget(self, _index: int) -> ThreeDWidget:
        return self._three_d

    def mrmlSliceLogics(self) -> Any:
        return self._scene.application_logic.GetSliceLogics()

    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        self._three_d.resetFocalPoint()

    def layoutLogic(self) -> Any:
        return types.SimpleNamespace(GetLayoutNode=lambda: None)

    def setRenderPaused(self, _paused: bool) -> None:
        """Nothing is drawn by itself."""
