"""The panel as it stands in the window: each control can be understood, heard and reached without a mouse."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PySide6 import QtCore, QtWidgets

FORM = Path(__file__).resolve().parents[3] / "NeoSegDINO" / "Resources" / "UI" / "NeoSegDINO.ui"
ROOT = ET.parse(FORM).getroot()
NAMES = [str(widget.get("name")) for widget in ROOT.iter("widget")]
STOPS = [str(stop.text) for stop in ROOT.iter("tabstop")]
NARROW = 300
"""Pixels of the narrowest dock that the panel has to fit into."""
ALONE = ("resumeButton", "cancelInstallButton")
"""Controls that are never seen together with the others of their row."""
SAME_ROW = 12
"""Pixels; controls of one row are not exactly at one height."""


@pytest.fixture
def panel(models, jobs, module):
    """The whole panel, shown, with everything that can be folded or hidden in sight."""
    representation = module.widgetRepresentation()
    representation.enter()
    ui = representation.self().ui
    for name in NAMES:
        widget = getattr(ui, name, None)
        if widget is not None and hasattr(type(widget), "collapsed"):
            widget.collapsed = False
    for name in STOPS:
        QtWidgets.QWidget.setVisible(getattr(ui, name), True)
        parent = QtWidgets.QWidget.parentWidget(getattr(ui, name))
        while parent is not None and not isinstance(parent, QtWidgets.QStackedWidget):
            QtWidgets.QWidget.setVisible(parent, True)
            parent = QtWidgets.QWidget.parentWidget(parent)
    representation.show()
    yield representation
    representation.hide()


def controls(panel):
    """Widgets of the form that a user can work with."""
    found = [QtCore.QObject.findChild(panel, QtWidgets.QWidget, name) for name in NAMES]
    passive = QtCore.Qt.FocusPolicy.NoFocus
    return [w for w in found if w is not None and QtWidgets.QWidget.focusPolicy(w) != passive and not is_text(w)]


def is_text(widget):
    """Labels take the keyboard only to select their text; a tab widget's own bar has Qt's keys."""
    return isinstance(widget, QtWidgets.QLabel | QtWidgets.QTabWidget)


def name_of(widget):
    return QtCore.QObject.objectName(widget)


def spoken(widget):
    """What a screen reader says: the accessible name, else the control's own text."""
    own = QtWidgets.QWidget.accessibleName(widget)
    if own or not isinstance(widget, QtWidgets.QAbstractButton | QtWidgets.QGroupBox):
        return own
    kind = QtWidgets.QGroupBox if isinstance(widget, QtWidgets.QGroupBox) else QtWidgets.QAbstractButton
    return kind.title(widget) if kind is QtWidgets.QGroupBox else kind.text(widget)


def test_there_are_controls_in_every_tab(panel):
    tabs = QtCore.QObject.findChild(panel, QtWidgets.QTabWidget, "tabWidget")
    pages = [QtWidgets.QTabWidget.widget(tabs, index) for index in range(QtWidgets.QTabWidget.count(tabs))]
    assert all(any(page.isAncestorOf(control) for control in controls(panel)) for page in pages)


def test_every_control_says_what_it_does(panel):
    assert [name_of(w) for w in controls(panel) if not QtWidgets.QWidget.toolTip(w).strip()] == []


def test_every_control_has_a_name_for_a_screen_reader(panel):
    assert [name_of(w) for w in controls(panel) if not spoken(w).strip()] == []


def test_the_keyboard_reaches_every_control(panel):
    tab_key = QtCore.Qt.FocusPolicy.TabFocus
    by_keyboard = [name_of(w) for w in controls(panel) if QtWidgets.QWidget.focusPolicy(w).value & tab_key.value]
    assert sorted(set(by_keyboard) - set(STOPS)) == []


def test_the_keyboard_goes_from_top_to_bottom_and_from_left_to_right(panel, slicer_scene):
    tabs = QtCore.QObject.findChild(panel, QtWidgets.QTabWidget, "tabWidget")
    for index in range(QtWidgets.QTabWidget.count(tabs)):
        QtWidgets.QTabWidget.setCurrentIndex(tabs, index)
        slicer_scene.process_events()
        page = QtWidgets.QTabWidget.widget(tabs, index)
        stops = [QtCore.QObject.findChild(page, QtWidgets.QWidget, name) for name in STOPS]
        places = [(*place(w, page), name_of(w)) for w in stops if w is not None and QtWidgets.QWidget.isVisible(w)]
        assert len(places) > 3
        for (x, y, before), (next_x, next_y, after) in itertools.pairwise(places):
            below, beside = next_y > y + SAME_ROW, abs(next_y - y) <= SAME_ROW and next_x >= x
            assert below or beside, f"{after} comes after {before} but is not below or beside it"


def place(widget, page):
    point = QtWidgets.QWidget.mapTo(widget, page, QtCore.QPoint(0, 0))
    return point.x(), point.y()


def test_the_keyboard_leaves_every_table(panel):
    tables = [w for w in controls(panel) if isinstance(w, QtWidgets.QTableView)]
    assert [name_of(w) for w in tables if QtWidgets.QTableView.tabKeyNavigation(w)] == []


def test_every_tab_fits_into_a_narrow_dock_with_all_that_can_be_seen(panel, slicer_scene):
    for name in ALONE:
        QtWidgets.QWidget.setVisible(QtCore.QObject.findChild(panel, QtWidgets.QWidget, name), False)
    settle(slicer_scene)
    tabs = QtCore.QObject.findChild(panel, QtWidgets.QTabWidget, "tabWidget")
    pages = [QtWidgets.QTabWidget.widget(tabs, index) for index in range(QtWidgets.QTabWidget.count(tabs))]
    assert all(QtWidgets.QWidget.minimumSizeHint(page).width() > 100 for page in pages)
    assert QtWidgets.QWidget.minimumSizeHint(panel).width() <= NARROW
    panel.resize(NARROW, 1400)
    settle(slicer_scene)
    cut_off = [
        name_of(control)
        for control in controls(panel)
        if QtWidgets.QWidget.isVisible(control) and place(control, panel)[0] + control.width > NARROW
    ]
    assert cut_off == []


def settle(session):
    """Let layouts ask for their sizes, which goes up by one level at a time."""
    for _ in range(10):
        session.process_events()
