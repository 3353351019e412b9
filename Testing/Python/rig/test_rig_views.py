"""Views drawn without a display."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[3]


def ball(shape, centre, radius):
    grid = np.indices(shape)
    return ((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2


@pytest.fixture
def shown(slicer_scene):
    """A bright ball with two segments in it."""
    import slicer

    shape = (48, 56, 52)
    middle = (24, 28, 26)
    to_ras = np.diag([-1.0, 1.0, 1.0, 1.0])
    to_ras[0, 3], to_ras[1, 3], to_ras[2, 3] = 26, -28, -24
    head = ball(shape, middle, 21).astype(np.int16) * 400
    volume = slicer.util.addVolumeFromArray(head, ijkToRAS=to_ras, name="Head")
    volume.CreateDefaultDisplayNodes()
    labels = np.zeros(shape, np.uint8)
    labels[ball(shape, (20, 28, 36), 5)] = 1  # i grows to the left
    labels[ball(shape, (20, 28, 16), 5)] = 2
    node = slicer.util.addVolumeFromArray(labels, ijkToRAS=to_ras, nodeClassName="vtkMRMLLabelMapVolumeNode")
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(node, segmentation)
    slicer.mrmlScene.RemoveNode(node)
    segmentation.GetSegmentation().GetNthSegment(0).SetColor(1.0, 0.0, 0.0)
    segmentation.GetSegmentation().GetNthSegment(1).SetColor(0.0, 0.0, 1.0)
    segmentation.CreateClosedSurfaceRepresentation()
    return volume, segmentation


def red(pixels):
    """Pixels of the left segment's colour."""
    return (pixels[..., 0].astype(int) - pixels[..., 2]) > 60


def blue(pixels):
    """Pixels of the right segment's colour."""
    return (pixels[..., 2].astype(int) - pixels[..., 0]) > 60


def test_centre_is_in_the_left_segment(shown):
    from rig import window

    assert np.allclose(window.centre(shown[1]), (-10, 0, -4), atol=1.0)


@pytest.mark.parametrize("name", ["Red", "Yellow", "Green"])
def test_slice_shows_volume_and_segments(slicer_scene, shown, name):
    from rig import window
    from rig.views import SliceView

    with SliceView(slicer_scene.world, name, (240, 200)) as view:
        empty = view.pixels()
        view.show(shown[0], window.centre(shown[1]))
        pixels = view.pixels()
    assert pixels.shape == (200, 240, 3)
    assert (empty > 100).all(axis=2).sum() == 0  # outlines, but no volume yet
    assert (pixels > 100).all(axis=2).sum() > 2000
    assert red(pixels).sum() > 50


def test_left_is_on_the_right_of_the_screen(slicer_scene, shown):
    from rig import window
    from rig.views import SliceView

    with SliceView(slicer_scene.world, "Red", (240, 240)) as view:
        view.show(shown[0], window.centre(shown[1]))
        pixels = view.pixels()
    assert np.nonzero(red(pixels))[1].mean() > 120 > np.nonzero(blue(pixels))[1].mean()


def test_three_d_shows_surfaces_again_and_again(slicer_scene, shown):
    from rig.views import ThreeDView

    slicer_scene.world.view_node.SetBoxVisible(False)
    for _ in range(2):
        with ThreeDView(slicer_scene.world, (200, 200)) as view:
            view.look()
            pixels = view.pixels()
        assert red(pixels).sum() > 200


def test_zoom_fills_the_view(slicer_scene, shown):
    from rig import window
    from rig.views import SliceView

    with SliceView(slicer_scene.world, "Red", (200, 200)) as view:
        view.show(shown[0], window.centre(shown[1]))
        view.zoom(window.head(shown[0]), margin=1.0)
        bright = view.pixels().max(axis=2) > 100
    rows = np.flatnonzero(bright.any(axis=1))
    assert rows[-1] - rows[0] > 180


@pytest.mark.parametrize("dark", [False, True])
def test_picture_of_the_window(slicer_scene, shown, tmp_path, dark):
    import qt
    from rig import window

    panel = qt.QWidget()
    column = qt.QVBoxLayout(panel)
    column.addWidget(qt.QPushButton("Segment Hippocampus"))
    path = window.picture(panel, *shown, tmp_path / "window.png", size=(900, 600), dark=dark)
    picture = np.asarray(Image.open(path).convert("RGB"))
    assert picture.shape == (600, 900, 3)
    views = picture[60:, window.PANEL_WIDTH + 10 :]
    assert red(views).sum() > 500
    assert (picture[-40:, 10:300].mean() < 128) == dark
    assert panel.parent() is None


_SCRIPT = """
import numpy as np, rig
session = rig.boot()
import slicer
from rig.views import SliceView, ThreeDView
volume = slicer.util.addVolumeFromArray(np.ones((8, 8, 8)))
views = [SliceView(session.world, name) for name in ("Red", "Yellow", "Green")] + [ThreeDView(session.world)]
for view in views[:3]:
    view.show(volume)
for view in views:
    view.pixels()
{end}
"""


@pytest.mark.parametrize(
    "end", ["[view.close() for view in views]", "[view.close() for view in views]; session.clear()"]
)
def test_process_ends_well(end):
    environment = {"PYTHONPATH": str(REPOSITORY / "Testing"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(end=end)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
