"""One picture of a window that looks like Slicer: a module's panel beside four real MRML views."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from PySide6 import QtCore, QtGui, QtWidgets

from rig import theme
from rig.plot_view import active_chart, draw_chart
from rig.scene import Scene
from rig.views import SliceView, ThreeDView

PANEL_WIDTH = 430
# Four-up layout: place -> view, in Slicer's order.
_PLACES = {(0, 0): "Red", (0, 1): "3D", (1, 0): "Green", (1, 1): "Yellow"}
_LETTERS = {"Red": "R", "Green": "G", "Yellow": "Y", "3D": "1"}
_AXES = {"Red": ("S", 2), "Green": ("A", 1), "Yellow": ("R", 0)}
_Point = tuple[float, float, float]


@dataclass(frozen=True)
class _Pane:
    """A view's frame: its bar and the label that shows its picture."""

    frame: QtWidgets.QFrame
    offset: QtWidgets.QSlider
    value: QtWidgets.QLabel
    image: QtWidgets.QLabel


def centre(segmentation: Any) -> _Point:
    """Point in RAS (mm) that shows the segments in all three planes.

    The sagittal plane goes through the first segment that is not empty, the others through the middle of all.
    """
    segments = segmentation.GetSegmentation()
    ids = [segments.GetNthSegmentID(i) for i in range(segments.GetNumberOfSegments())]
    points = [p for p in (segmentation.GetSegmentCenterRAS(i) for i in ids) if p is not None]
    if not points:
        return (0.0, 0.0, 0.0)
    middle = np.mean(points, axis=0)
    return (float(points[0][0]), float(middle[1]), float(middle[2]))


def head(volume: Any) -> NDArray[np.float64]:
    """Box of the voxels brighter than a tenth of the bright ones: lower and upper corner in RAS (mm), (2, 3)."""
    voxels = slicer.util.arrayFromVolume(volume)
    bright = voxels > 0.1 * np.percentile(voxels[::2, ::2, ::2], 99.5)
    spans = [np.flatnonzero(bright.any(axis=tuple(a for a in range(3) if a != axis)))[[0, -1]] for axis in (2, 1, 0)]
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    corners = np.array(np.meshgrid(*spans)).reshape(3, -1)
    points = slicer.util.arrayFromVTKMatrix(matrix) @ np.vstack([corners, np.ones(8)])
    box: NDArray[np.float64] = np.array([points[:3].min(axis=1), points[:3].max(axis=1)])
    return box


def _bar(name: str) -> tuple[QtWidgets.QWidget, QtWidgets.QSlider, QtWidgets.QLabel]:
    bar = QtWidgets.QWidget()
    bar.setStyleSheet(f"background: {theme.VIEW_COLOURS[name]};")
    bar.setFixedHeight(22)
    row = QtWidgets.QHBoxLayout(bar)
    row.setContentsMargins(8, 0, 8, 0)
    letter = QtWidgets.QLabel(_LETTERS[name])
    letter.setStyleSheet("color: black; font-weight: bold;")
    slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
    slider.setRange(0, 1000)
    value = QtWidgets.QLabel()
    value.setStyleSheet("color: black;")
    row.addWidget(letter)
    row.addWidget(slider, 1)
    row.addWidget(value)
    if name == "3D":
        slider.hide()
        row.addStretch(1)
    return bar, slider, value


def _pane(name: str) -> _Pane:
    frame = QtWidgets.QFrame()
    column = QtWidgets.QVBoxLayout(frame)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    bar, slider, value = _bar(name)
    image = QtWidgets.QLabel()
    image.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Ignored)
    column.addWidget(bar)
    column.addWidget(image, 1)
    return _Pane(frame, slider, value, image)


def _pixmap(pixels: NDArray[np.uint8]) -> QtGui.QPixmap:
    height, width, _ = pixels.shape
    image = QtGui.QImage(pixels.data, width, height, pixels.strides[0], QtGui.QImage.Format.Format_RGB888)
    return QtGui.QPixmap.fromImage(image.copy())


def _draw_slice(scene: Scene, name: str, pane: _Pane, volume: Any, point: _Point) -> None:
    size = (pane.image.width(), pane.image.height())
    with SliceView(scene, name, size) as view:
        view.show(volume, point)
        view.zoom(head(volume))
        pane.image.setPixmap(_pixmap(view.pixels()))
        bounds = [0.0] * 6
        view.logic.GetLowestVolumeSliceBounds(bounds)
        offset = view.logic.GetSliceOffset()
    axis, index = _AXES[name]
    pane.value.setText(f"{axis}: {point[index]:.1f} mm")
    span = bounds[5] - bounds[4]
    pane.offset.setValue(round(1000 * (offset - bounds[4]) / span) if span > 0 else 500)


def _draw_three_d(scene: Scene, pane: _Pane) -> None:
    size = (pane.image.width(), pane.image.height())
    box, labels = scene.view_node.GetBoxVisible(), scene.view_node.GetAxisLabelsVisible()
    scene.view_node.SetBoxVisible(False)
    scene.view_node.SetAxisLabelsVisible(False)
    with ThreeDView(scene, size) as view:
        view.look()
        pane.image.setPixmap(_pixmap(view.pixels()))
    scene.view_node.SetBoxVisible(box)
    scene.view_node.SetAxisLabelsVisible(labels)


def _tool_bar(window: QtWidgets.QMainWindow, title: str) -> None:
    bar = window.addToolBar("Modules")
    bar.setMovable(False)
    for text in ("Data", "DCM", "Save"):
        bar.addAction(text)
    bar.addSeparator()
    bar.addWidget(QtWidgets.QLabel("  Modules: "))
    selector = QtWidgets.QComboBox()
    selector.setMinimumWidth(220)
    selector.addItem(title)
    bar.addWidget(selector)
    for name in ("File", "Edit", "View", "Help"):
        window.menuBar().addMenu(name)


def _window(
    panel: QtWidgets.QWidget, title: str
) -> tuple[QtWidgets.QMainWindow, dict[str, _Pane], QtWidgets.QScrollArea]:
    window = QtWidgets.QMainWindow()
    window.setWindowTitle("3D Slicer")
    _tool_bar(window, title)
    scroll = QtWidgets.QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
    scroll.setWidget(panel)
    dock = QtWidgets.QDockWidget(title)
    dock.setFeatures(QtWidgets.QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
    dock.setWidget(scroll)
    scroll.setMinimumWidth(PANEL_WIDTH)
    window.addDockWidget(QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    centre_widget = QtWidgets.QWidget()
    grid = QtWidgets.QGridLayout(centre_widget)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(3)
    panes = {}
    for place, name in _PLACES.items():
        panes[name] = _pane(name)
        grid.addWidget(panes[name].frame, *place)
    window.setCentralWidget(centre_widget)
    return window, panes, scroll


def picture(
    panel: Any,
    volume: Any,
    segmentation: Any,
    path: str | Path,
    size: tuple[int, int] = (1400, 860),
    *,
    dark: bool = False,
    scene: Scene | None = None,
) -> Path:
    """Save a picture of Slicer's window with a module's panel and the four views; a chart takes the 3D view's place.

    Parameters
    ----------
    panel : QWidget
        The module's widget representation; it is given back without a parent, and hidden.
    volume : vtkMRMLVolumeNode
        Shown in the slice views.
    segmentation : vtkMRMLSegmentationNode or None
        The views are centred on its segments; its surfaces are shown in 3D.
    path : str or Path
        PNG file to write.
    size : tuple of int
        Width and height in pixels.
    dark : bool
        Slicer's dark style instead of the light one.
    scene : Scene, optional
        The booted scene (default: the rig's).
    """
    import rig

    scene = scene or rig.boot().world
    target = Path(path)
    application: Any = QtWidgets.QApplication.instance()
    former = QtGui.QPalette(QtWidgets.QApplication.palette())
    QtWidgets.QApplication.setPalette(theme.palette(dark))
    title = next((m.title for m in (getattr(panel, "_module", None),) if m is not None), "Module")
    window, panes, scroll = _window(panel, title)
    try:
        window.resize(*size)
        window.show()
        panel.show()
        application.processEvents()
        if segmentation is not None:
            segmentation.CreateClosedSurfaceRepresentation()
        point = (0.0, 0.0, 0.0) if segmentation is None else centre(segmentation)
        for name, pane in panes.items():
            if name == "3D" and active_chart(scene.node) is not None:  # as in Slicer's layouts with a plot
                size = (pane.image.width(), pane.image.height())
                pane.image.setPixmap(_pixmap(draw_chart(active_chart(scene.node), size)))
            elif name == "3D":
                _draw_three_d(scene, pane)
            else:
                _draw_slice(scene, name, pane, volume, point)
        application.processEvents()
        target.parent.mkdir(parents=True, exist_ok=True)
        if not window.grab().save(str(target)):
            raise OSError(f"the picture could not be written to {target}")
    finally:
        scroll.takeWidget()
        panel.hide()
        window.close()
        window.deleteLater()
        QtWidgets.QApplication.setPalette(former)
        application.processEvents()
    return target
