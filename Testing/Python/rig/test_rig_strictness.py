"""The stand-ins refuse what PythonQt refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("slicer_scene")


def test_property_is_a_value():
    import qt

    button = qt.QPushButton("Go")
    assert button.text == "Go"
    assert button.enabled is True
    with pytest.raises(TypeError):
        button.text()


def test_size_hints_stay_methods():
    import qt

    assert qt.QPushButton("Go").sizeHint().width() > 0
    assert qt.QLabel("Go").minimumSizeHint().height() > 0


def test_every_property_of_every_widget_can_be_read():
    import qt

    for name in ("QVBoxLayout", "QProgressBar", "QTableWidget", "QTabWidget", "QPlainTextEdit", "QComboBox", "QLabel"):
        made = getattr(qt, name)()
        for member in (k for k, v in vars(type(made)).items() if isinstance(v, property)):
            getattr(made, member)


def test_unknown_attribute_cannot_be_written():
    import ctk
    import qt

    table = qt.QTableWidget()
    for widget in (qt.QLabel("a"), ctk.ctkCollapsibleButton(), table.horizontalHeader()):
        with pytest.raises(AttributeError):
            widget.txet = "typo"


def test_python_subclass_may_have_attributes():
    import qt

    class Own(qt.QWidget):
        pass

    own = Own()
    own.anything = 1
    assert own.anything == 1


def test_property_of_a_widget_that_qt_made():
    import qt

    table = qt.QTableWidget(2, 2)
    header = table.horizontalHeader()
    header.stretchLastSection = True
    assert header.stretchLastSection is True
    with pytest.raises(TypeError):
        header.stretchLastSection()


def test_signal_that_does_not_exist(slicer_scene):
    import qt
    from rig.connections import SignalError

    button = qt.QPushButton()
    for signature in ("clickd(bool)", "clicked(int)", "clicked"):
        with pytest.raises(SignalError):
            button.connect(signature, print)
    assert len(slicer_scene.problems.take()) == 3


def test_slot_that_is_not_callable(slicer_scene):
    import qt
    from rig.connections import SignalError

    with pytest.raises(SignalError):
        qt.QPushButton().connect("clicked()", None)
    assert slicer_scene.problems.take()


def test_surplus_arguments_are_trimmed():
    import qt

    got = []

    class Slots:
        def none(self):
            got.append("none")

        def one(self, checked):
            got.append(checked)

        def many(self, *args):
            got.append(args)

    slots, button = Slots(), qt.QPushButton()
    button.connect("clicked(bool)", slots.none)
    button.connect("clicked(bool)", slots.one)
    button.connect("clicked(bool)", slots.many)
    button.connect("clicked()", slots.many)
    button.clicked.connect(slots.one)
    button.click()
    assert got == ["none", False, (False,), (), False]


def test_disconnect():
    import qt

    got = []
    button = qt.QPushButton()
    button.connect("clicked()", got.append)  # a builtin takes what it is given
    assert button.disconnect("clicked()", got.append)
    assert not button.disconnect("clicked()", got.append)
    button.click()
    assert got == []


def test_exact_types():
    import ctk
    import qt

    button = qt.QPushButton()
    assert type(button) is qt.QPushButton
    assert not isinstance(button, qt.QWidget)
    assert type(ctk.ctkCheckBox()) is ctk.ctkCheckBox
    assert button.className() == "QPushButton"


def test_no_keyword_constructors():
    import qt

    with pytest.raises(TypeError):
        qt.QPushButton(text="Go")


def test_float_into_integer_property_is_cut():
    import qt

    spin = qt.QSpinBox()
    spin.value = 7.6
    assert spin.value == 7


@pytest.mark.parametrize(
    ("widget", "name", "value"), [("QLabel", "text", 5), ("QLineEdit", "text", Path("a")), ("QSpinBox", "value", "3")]
)
def test_property_refuses_another_type(widget, name, value):
    import qt

    with pytest.raises(AttributeError):
        setattr(getattr(qt, widget)(), name, value)


def test_read_only_property():
    import qt

    with pytest.raises(AttributeError):
        qt.QComboBox().count = 3


def test_lists_are_tuples():
    import qt
    import slicer

    widget = qt.QWidget()
    label = qt.QLabel("a", widget)
    assert widget.findChildren(qt.QLabel) == (label,)
    assert widget.findChildren("QLabel") == (label,)
    assert widget.children() == (label,)
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLModelNode"]
    assert selector.nodeTypes == ("vtkMRMLModelNode",)


def test_exception_in_a_slot_is_found(slicer_scene):
    import qt

    def fail():
        raise ValueError("in the slot")

    button = qt.QPushButton()
    button.connect("clicked()", fail)
    button.click()
    assert "in the slot" in slicer_scene.problems.take()[0]


def test_exception_in_an_observer_is_found(slicer_scene):
    import slicer

    def fail(_caller, _event):
        raise ValueError("in the observer")

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
    node.AddObserver("ModifiedEvent", fail)
    node.Modified()
    assert "in the observer" in slicer_scene.problems.take()[0]
