"""Stand-ins for CTK's buttons and boxes."""
# ruff: noqa: N801, N802, N815 (the names are CTK's)

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from rig.pythonqt import native, qproperty, stored, wrap

_UNLIMITED = 16777215


@native
class ctkCollapsibleButton(wrap(QtWidgets.QAbstractButton)):  # type: ignore[misc]
    """A header that shows and hides the widgets below it."""

    contentsCollapsed = QtCore.Signal(bool)
    HEADER = 24
    _collapsed: bool

    def __init__(self, *args: object) -> None:
        text = next((a for a in args if isinstance(a, str)), "")
        super().__init__(*(a for a in args if not isinstance(a, str)))
        self._collapsed = False
        self.setCheckable(True)
        self.setChecked(True)
        self.setText(text)
        self.setContentsMargins(0, self.HEADER, 0, 0)
        preferred = QtWidgets.QSizePolicy.Policy.Preferred
        self.setSizePolicy(QtWidgets.QSizePolicy(preferred, preferred, QtWidgets.QSizePolicy.ControlType.DefaultType))
        self.toggled.connect(self._on_toggled)

    def _on_toggled(self, opened: bool) -> None:
        self._set_collapsed(not opened)

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self.setChecked(not collapsed)
        for child in QtCore.QObject.children(self):
            if isinstance(child, QtWidgets.QWidget):
                QtWidgets.QWidget.setVisible(child, not collapsed)
        self.setMaximumHeight(self.HEADER if collapsed else _UNLIMITED)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    collapsed = qproperty(bool, lambda self: self._collapsed, lambda self, value: self._set_collapsed(value))
    flat = stored(bool, "flat", False)
    collapsedHeight = stored(int, "collapsedHeight", 0)
    contentsFrameShape = stored(int, "contentsFrameShape", 0)
    contentsFrameShadow = stored(int, "contentsFrameShadow", 0)
    contentsLineWidth = stored(int, "contentsLineWidth", 0)

    def setCollapsed(self, collapsed: bool) -> None:
        self._set_collapsed(collapsed)

    def sizeHint(self) -> QtCore.QSize:
        layout = QtWidgets.QWidget.layout(self)
        inner = QtCore.QSize(0, 0) if layout is None or self._collapsed else QtWidgets.QLayout.totalSizeHint(layout)
        title = self.fontMetrics().horizontalAdvance(QtWidgets.QAbstractButton.text(self)) + 40
        return QtCore.QSize(max(inner.width(), title), max(inner.height(), self.HEADER))

    def minimumSizeHint(self) -> QtCore.QSize:
        layout = QtWidgets.QWidget.layout(self)
        if layout is None or self._collapsed:
            return QtCore.QSize(60, self.HEADER)
        return QtWidgets.QLayout.totalMinimumSize(layout)

    def hitButton(self, point: QtCore.QPoint) -> bool:
        return point.y() < self.HEADER

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        child = event.child()
        if (
            self._collapsed
            and event.type() == QtCore.QEvent.Type.ChildPolished
            and isinstance(child, QtWidgets.QWidget)
        ):
            QtWidgets.QWidget.setVisible(child, False)

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        header = QtCore.QRect(0, 0, QtWidgets.QWidget.width(self), self.HEADER)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = header
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(8, 7, 10, 10)
        primitive = QtWidgets.QStyle.PrimitiveElement
        painter.drawPrimitive(
            primitive.PE_IndicatorArrowRight if self._collapsed else primitive.PE_IndicatorArrowDown, arrow
        )
        aligned = QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.AlignmentFlag.AlignLeft
        painter.drawText(header.adjusted(24, 0, 0, 0), int(aligned), QtWidgets.QAbstractButton.text(self))
        painter.end()


@native
class ctkCollapsibleGroupBox(wrap(QtWidgets.QGroupBox)):  # type: ignore[misc]
    """A group box whose contents can be hidden."""

    _collapsed: bool

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._collapsed = False
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._on_toggled)

    def _on_toggled(self, opened: bool) -> None:
        self._set_collapsed(not opened)

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self.setChecked(not collapsed)
        for child in QtCore.QObject.children(self):
            if isinstance(child, QtWidgets.QWidget):
                QtWidgets.QWidget.setVisible(child, not collapsed)
        self.setMaximumHeight(22 if collapsed else _UNLIMITED)
        self.updateGeometry()

    collapsed = qproperty(bool, lambda self: self._collapsed, lambda self, value: self._set_collapsed(value))
    collapsedHeight = stored(int, "collapsedHeight", 14)

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        super().childEvent(event)
        child = event.child()
        polished = event.type() == QtCore.QEvent.Type.ChildPolished
        if self._collapsed and polished and isinstance(child, QtWidgets.QWidget):
            QtWidgets.QWidget.setVisible(child, False)

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        """An arrow takes the place of the check box."""
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionGroupBox()
        self.initStyleOption(option)
        control = QtWidgets.QStyle.ComplexControl.CC_GroupBox
        parts = QtWidgets.QStyle.SubControl
        place = QtWidgets.QWidget.style(self).subControlRect(control, option, parts.SC_GroupBoxCheckBox, self)
        option.subControls &= ~parts.SC_GroupBoxCheckBox
        option.text = f"     {option.text}"
        if self._collapsed:
            option.subControls &= ~parts.SC_GroupBoxFrame
        painter.drawComplexControl(control, option)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = place
        primitive = QtWidgets.QStyle.PrimitiveElement
        painter.drawPrimitive(
            primitive.PE_IndicatorArrowRight if self._collapsed else primitive.PE_IndicatorArrowDown, arrow
        )
        painter.end()


@native
class ctkCheckablePushButton(wrap(QtWidgets.QPushButton)):  # type: ignore[misc]
    """A push button with a check box in it."""

    checkBoxToggled = QtCore.Signal(bool)
    checkBoxControlsButton = stored(bool, "checkBoxControlsButton", True)
    checkBoxControlsButtonToggleState = stored(bool, "checkBoxControlsButtonToggleState", True)
    checkBoxUserCheckable = stored(bool, "checkBoxUserCheckable", True)
    checkState = stored(int, "checkState", 0)


@native
class ctkColorPickerButton(wrap(QtWidgets.QPushButton)):  # type: ignore[misc]
    """A button that holds a colour."""

    colorChanged = QtCore.Signal(QtGui.QColor)
    _color: QtGui.QColor

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._color = QtGui.QColor(0, 0, 0)

    def _set_color(self, color: QtGui.QColor) -> None:
        if color != self._color:
            self._color = color
            self.colorChanged.emit(color)

    color = qproperty("QColor", lambda self: self._color, lambda self, value: self._set_color(value))
    displayColorName = stored(bool, "displayColorName", True)

    def setColor(self, color: QtGui.QColor) -> None:
        self._set_color(color)


@native
class ctkMessageBox(wrap(QtWidgets.QMessageBox)):  # type: ignore[misc]
    """A message box with "do not show again"."""

    dontShowAgainVisible = stored(bool, "dontShowAgainVisible", False)
    dontShowAgain = stored(bool, "dontShowAgain", False)
    dontShowAgainSettingsKey = stored(str, "dontShowAgainSettingsKey", "")
