"""Slice and 3D views drawn without a display, by Slicer's own displayable managers."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import vtk_to_numpy

from rig.scene import Scene

_SLICE_MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)
_THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
)


class _View:
    """A render window off the screen, with displayable managers for one view node."""

    def __init__(self, scene: Scene, size: tuple[int, int], managers: tuple[str, ...]) -> None:
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.ShowWindowOff()
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self.renderer = vtk.vtkRenderer()
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.Initialize()
        self._group: Any = slicer.vtkMRMLDisplayableManagerGroup()
        self._group.SetRenderer(self.renderer)
        self._managers: list[Any] = []
        for name in managers:
            manager = getattr(slicer, name)()
            manager.SetMRMLApplicationLogic(scene.application_logic)
            self._group.AddDisplayableManager(manager)
            self._managers.append(manager)

    def _show_node(self, node: Any) -> None:
        self._group.SetMRMLDisplayableNode(node)

    def pixels(self) -> NDArray[np.uint8]:
        """Draw the view; returns the picture, (height, width, 3), first row on top."""
        self.window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self.window)
        grabber.ReadFrontBufferOff()
        grabber.Update()
        image = grabber.GetOutput()
        width, height, _ = image.GetDimensions()
        flat = vtk_to_numpy(image.GetPointData().GetScalars())  # type: ignore[no-untyped-call]
        return np.ascontiguousarray(flat.reshape(height, width, -1)[::-1, :, :3])

    def close(self) -> None:
        """Delete managers, then their group, then the rest: in another order the process crashes at its end."""
        self._group.SetMRMLDisplayableNode(None)
        self._managers.clear()
        self._group = None
        self._interactor = None
        self.renderer = None
        self.window.Finalize()
        self.window = None

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class SliceView(_View):
    """The view Red, Yellow or Green.

    Parameters
    ----------
    scene : Scene
        The booted scene.
    name : str
        ``Red``, ``Yellow`` or ``Green``.
    size : tuple of int
        Width and height in pixels.
    """

    def __init__(self, scene: Scene, name: str, size: tuple[int, int] = (400, 400)) -> None:
        super().__init__(scene, size, _SLICE_MANAGERS)
        self.logic = scene.slice_logics[name]
        self.node = self.logic.GetSliceNode()
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self._show_node(self.node)
        self.logic.ResizeSliceNode(*size)

    def show(self, volume: Any, point: tuple[float, float, float] | None = None) -> None:
        """Show a volume, fitted to the view, at a point in RAS (mm)."""
        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
        self.logic.FitSliceToBackground()
        if point is not None:
            self.node.JumpSliceByOffsetting(*point)
        self._mapper.SetInputConnection(self.logic.GetImageDataConnection())
        if not self.renderer.HasViewProp(self._actor):
            self.renderer.AddViewProp(self._actor)

    def zoom(self, bounds: NDArray[np.float64], margin: float = 1.1) -> None:
        """Fit a box into the view, without leaving the plane shown.

        Parameters
        ----------
        bounds : ndarray
            Lower and upper corner in RAS (mm), (2, 3).
        margin : float
            Size of the view as a multiple of the box.
        """
        to_ras = slicer.util.arrayFromVTKMatrix(self.node.GetSliceToRAS())
        corners = np.array(np.meshgrid(*bounds.T)).reshape(3, -1)
        in_plane = np.linalg.inv(to_ras) @ np.vstack([corners, np.ones(8)])
        low, high = in_plane[:2].min(axis=1), in_plane[:2].max(axis=1)
        width, height = self.window.GetSize()
        pixel = float(max((high - low) / (width, height))) * margin
        middle = to_ras @ np.array([*((low + high) / 2), 0.0, 1.0])
        for row in range(3):
            self.node.GetSliceToRAS().SetElement(row, 3, middle[row])
        self.node.SetFieldOfView(pixel * width, pixel * height, self.node.GetFieldOfView()[2])
        self.node.UpdateMatrices()

    def close(self) -> None:
        self._mapper.SetInputConnection(None)
        super().close()


class ThreeDView(_View):
    """The 3D view.

    Parameters
    ----------
    scene : Scene
        The booted scene.
    size : tuple of int
        Width and height in pixels.
    """

    def __init__(self, scene: Scene, size: tuple[int, int] = (400, 400)) -> None:
        super().__init__(scene, size, _THREE_D_MANAGERS)
        self.node = scene.view_node
        self._show_node(self.node)

    def look(self, direction: tuple[float, float, float] = (0.35, 1.0, 0.55)) -> None:
        """Look at all that is shown, from a direction in RAS (default: from the front, a little above)."""
        self.window.Render()
        camera = self.renderer.GetActiveCamera()
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(*direction)
        camera.SetViewUp(0, 0, 1)
        self.renderer.ResetCamera()
        self.renderer.ResetCameraClippingRange()
