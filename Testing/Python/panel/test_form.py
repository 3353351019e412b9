"""The form as Qt Designer and Slicer see it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

FORM = Path(__file__).resolve().parents[3] / "NeoSegDINO" / "Resources" / "UI" / "NeoSegDINO.ui"
CONTROLS = {
    *("QComboBox", "QPushButton", "QProgressBar", "QTableWidget"),
    *("QListWidget", "QTextBrowser"),
    *("QLineEdit", "QSpinBox", "QDoubleSpinBox", "QCheckBox"),
    *("qMRMLNodeComboBox", "ctkCollapsibleButton", "ctkCollapsibleGroupBox", "ctkPathLineEdit"),
}
HAND_MADE = {"bundle", "finetuneBundle", "finetuneFolder"}
"""Parameters that the tabs tie to their widgets themselves."""
NEEDS_SCENE = {"qMRMLNodeComboBox"}


def refuses_keyboard(widget: ET.Element) -> bool:
    return any(
        p.findtext("enum") == "Qt::NoFocus" for p in widget.findall("property") if p.get("name") == "focusPolicy"
    )


@pytest.fixture(scope="module")
def form() -> ET.Element:
    return ET.parse(FORM).getroot()


def widgets(form: ET.Element, kinds: set[str]) -> list[ET.Element]:
    return [widget for widget in form.iter("widget") if widget.get("class") in kinds]


def text_of(widget: ET.Element, name: str) -> str:
    return "".join(p.findtext("string") or "" for p in widget.findall("property") if p.get("name") == name)


def test_top_widget_hands_the_scene_on(form):
    top = form.find("widget")
    assert top is not None
    assert top.get("class") == "qMRMLWidget"
    linked = {
        c.findtext("receiver")
        for c in form.iter("connection")
        if c.findtext("sender") == top.get("name") and c.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
    }
    assert linked == {widget.get("name") for widget in widgets(form, NEEDS_SCENE)}


def test_every_control_has_a_tooltip_that_is_a_sentence(form):
    for widget in widgets(form, CONTROLS):
        tip = text_of(widget, "toolTip")
        assert tip.endswith("."), widget.get("name")


def test_every_control_without_a_title_has_an_accessible_name(form):
    for widget in widgets(form, CONTROLS):
        texts = [text_of(widget, name) for name in ("text", "title", "accessibleName")]
        assert any(texts), widget.get("name")


def test_keyboard_order_names_every_control_that_takes_the_keyboard(form):
    stops = [stop.text for stop in form.iter("tabstop")]
    taking = {w.get("name") for w in widgets(form, CONTROLS - {"QProgressBar"}) if not refuses_keyboard(w)}
    assert set(stops) == taking
    assert len(stops) == len(set(stops))


def test_parameters_of_the_form_are_those_of_the_parameter_node(form, module):
    names = {p.findtext("string") for p in form.iter("property") if p.get("name") == "SlicerParameterName" and len(p)}
    assert names | HAND_MADE == set(module.source().NeoSegDINOParameterNode.allParameters)


def test_tabs_are_the_ones_that_work(form):
    (tabs,) = widgets(form, {"QTabWidget"})
    titles = [
        a.findtext("string") for w in tabs.findall("widget") for a in w.findall("attribute") if a.get("name") == "title"
    ]
    assert titles == ["Segment", "Fine-tune", "Models"]
