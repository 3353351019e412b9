"""Forms are loaded with exactly the connections they declare."""

from __future__ import annotations

import example_module
import pytest


@pytest.fixture
def load(slicer_scene, tmp_path):
    import slicer

    def from_text(text):
        path = tmp_path / "form.ui"
        path.write_text(text, encoding="utf-8")
        return slicer.util.loadUI(str(path))

    return from_text


def test_form_with_stand_ins(load):
    import ctk
    import slicer

    form = load(example_module.form())
    ui = slicer.util.childWidgetVariables(form)
    assert type(form) is slicer.qMRMLWidget
    assert type(ui.slider) is ctk.ctkSliderWidget
    assert ui.inputSelector.nodeTypes == ("vtkMRMLScalarVolumeNode",)
    assert ui.inputSelector.property("SlicerParameterName") == "inputVolume"
    with pytest.raises(AttributeError):
        form.applyButton  # noqa: B018 (PySide6's loader would have put it there)


def test_declared_connection_is_made(load):
    import slicer

    form = load(example_module.form())
    form.setMRMLScene(slicer.mrmlScene)
    assert slicer.util.childWidgetVariables(form).inputSelector.mrmlScene() is slicer.mrmlScene


def test_forgotten_connection_is_not_made(load):
    import slicer

    form = load(example_module.form(connections=""))
    form.setMRMLScene(slicer.mrmlScene)
    assert slicer.util.childWidgetVariables(form).inputSelector.mrmlScene() is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<receiver>inputSelector", "<receiver>selector"),
        ("<slot>setMRMLScene", "<slot>setScene"),
        ("Changed(", "Chngd("),
    ],
)
def test_wrong_connection_is_refused(load, slicer_scene, old, new):
    text = example_module.form().replace(old, new)
    with pytest.raises(RuntimeError):
        load(text)
    assert slicer_scene.problems.take()


def test_unknown_widget_class_is_refused(load, slicer_scene):
    extra = '<item><widget class="ctkNoSuchWidget" name="odd"/></item>'
    with pytest.raises(Exception, match="ctkNoSuchWidget"):
        load(example_module.form(extra=extra))
    assert slicer_scene.problems.take()


def test_missing_file(slicer_scene, tmp_path):
    import slicer

    with pytest.raises(RuntimeError, match="not found"):
        slicer.util.loadUI(str(tmp_path / "none.ui"))
