"""Parameter nodes: typed, checked, saved with the scene, bound to widgets."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest


class Windows(enum.Enum):
    LOCATED = "located"
    ALL = "all"

    @staticmethod
    def label(member):
        return member.value.title()


@pytest.fixture
def wrapped(slicer_scene):
    import slicer
    from slicer.parameterNodeWrapper import Choice, Decimals, Default, WithinRange, parameterNodeWrapper

    hints = {
        "volume": slicer.vtkMRMLScalarVolumeNode,
        "target": slicer.vtkMRMLSegmentationNode | slicer.vtkMRMLModelNode | None,
        "name": str,
        "folder": Path,
        "count": Annotated[int, WithinRange(0, 10), Default(3)],
        "ratio": Annotated[float, WithinRange(0.0, 1.0), Decimals(3)],
        "device": Annotated[str, Choice(["auto", "cpu"])],
        "windows": Windows,
        "quiet": bool,
    }
    given = {"name": "first", "folder": Path("here"), "ratio": 0.5, "device": "auto"}
    made = parameterNodeWrapper(type("Node", (), {"__annotations__": hints, "__module__": __name__, **given}))
    return made(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "Parameters"))


def test_defaults(wrapped):
    assert (wrapped.volume, wrapped.name, wrapped.count, wrapped.ratio) == (None, "first", 3, 0.5)
    assert (wrapped.folder, wrapped.windows, wrapped.quiet) == (Path("here"), Windows.LOCATED, False)


def test_written_as_slicer_writes(wrapped):
    wrapped.quiet, wrapped.windows, wrapped.ratio = True, Windows.ALL, 0.25
    node = wrapped.parameterNode
    assert [node.GetParameter(n) for n in ("quiet", "windows", "ratio")] == ["True", "ALL", "0.25"]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("count", 11, ValueError),
        ("count", "3", TypeError),
        ("count", None, ValueError),
        ("ratio", -0.1, ValueError),
        ("device", "gpu", ValueError),
        ("name", 3, TypeError),
        ("quiet", 1, TypeError),
        ("windows", "ALL", TypeError),
    ],
)
def test_refused_values(wrapped, name, value, error):
    before = getattr(wrapped, name)
    with pytest.raises(error):
        setattr(wrapped, name, value)
    assert getattr(wrapped, name) == before


def test_node_of_another_class_is_refused(wrapped):
    import slicer

    model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
    with pytest.raises(TypeError):
        wrapped.volume = model
    wrapped.target = model
    assert wrapped.target is model


def test_saved_with_the_scene(wrapped, tmp_path):
    import slicer

    volume = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16), name="T2w")
    wrapped.volume, wrapped.count, wrapped.windows = volume, 7, Windows.ALL
    kind = type(wrapped)
    assert slicer.util.saveScene(str(tmp_path / "s.mrb"))
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "s.mrb"))
    again = kind(slicer.util.getNode("Parameters"))
    assert again.volume.GetName() == "T2w"
    assert (again.count, again.windows, again.name) == (7, Windows.ALL, "first")


def test_change_event(wrapped):
    import vtk

    seen = []
    tag = wrapped.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda _c, _e: seen.append(wrapped.count))
    wrapped.count = 9
    assert seen == [9]
    wrapped.RemoveObserver(tag)
    wrapped.count = 8
    assert seen == [9]


def bound(widgets):
    """Give widgets the dynamic property, in one parent."""
    import qt

    parent = qt.QWidget()
    column = qt.QVBoxLayout(parent)
    for name, widget in widgets.items():
        widget.setProperty("SlicerParameterName", name)
        column.addWidget(widget)
    return parent


def test_two_way_binding(wrapped):
    import ctk
    import qt
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.setMRMLScene(slicer.mrmlScene)
    widgets = {
        "volume": selector,
        "name": qt.QLineEdit(),
        "folder": ctk.ctkPathLineEdit(),
        "count": qt.QSpinBox(),
        "ratio": ctk.ctkSliderWidget(),
        "device": qt.QComboBox(),
        "windows": qt.QComboBox(),
        "quiet": qt.QCheckBox(),
    }
    parent = bound(widgets)
    tag = wrapped.connectGui(parent)
    assert widgets["ratio"].decimals == 3
    assert (widgets["count"].minimum, widgets["count"].maximum) == (0, 10)
    assert [widgets["windows"].itemText(i) for i in range(2)] == ["Located", "All"]

    widgets["name"].text = "second"
    widgets["count"].value = 5
    widgets["ratio"].value = 0.125
    widgets["device"].currentIndex = 1
    widgets["windows"].currentIndex = 1
    widgets["quiet"].click()
    widgets["folder"].currentPath = "/there"
    assert (wrapped.name, wrapped.count, wrapped.ratio, wrapped.device) == ("second", 5, 0.125, "cpu")
    assert (wrapped.windows, wrapped.quiet, wrapped.folder) == (Windows.ALL, True, Path("/there"))

    volume = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    wrapped.volume, wrapped.count, wrapped.device = volume, 2, "auto"
    assert selector.currentNode() is volume
    assert (widgets["count"].value, widgets["device"].currentText) == (2, "auto")
    slicer.mrmlScene.RemoveNode(volume)
    assert wrapped.volume is None

    wrapped.disconnectGui(tag)
    widgets["count"].value = 9
    assert wrapped.count == 2


def test_binding_refuses_what_slicer_refuses(wrapped):
    import ctk
    import qt

    with pytest.raises(RuntimeError):
        wrapped.connectGui(bound({"name": qt.QComboBox()}))  # a text without choices
    with pytest.raises(RuntimeError):
        wrapped.connectGui(bound({"quiet": ctk.ctkSliderWidget()}))
    with pytest.raises(ValueError, match="nothing"):
        wrapped.connectGui(bound({"nothing": qt.QCheckBox()}))


def test_reserved_name(slicer_scene):
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    with pytest.raises(ValueError, match="connectGui"):
        parameterNodeWrapper(type("Node", (), {"__annotations__": {"connectGui": str}, "__module__": __name__}))
