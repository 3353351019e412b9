"""Stand-ins for CTK's sliders and spin boxes."""
# ruff: noqa: N801, N802, N815 (the names are CTK's)

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from rig.connections import listen
from rig.pythonqt import native, qproperty, stored, wrap

_STEPS_PER_UNIT = 1000.0
_SLIDER_LIMIT = 2e6


def _steps(value: float) -> int:
    return round(max(min(value, _SLIDER_LIMIT), -_SLIDER_LIMIT) * _STEPS_PER_UNIT)


@native
class ctkSliderWidget(wrap(QtWidgets.QWidget)):  # type: ignore[misc]
    """A slider beside a spin box; the value is a float."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    _slider: QtWidgets.QSlider
    _spin: QtWidgets.QDoubleSpinBox

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._spin = QtWidgets.QDoubleSpinBox()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider)
        row.addWidget(self._spin)
        self._set_minimum(0.0)
        self._set_maximum(99.0)
        listen(self._spin.valueChanged, self._on_spin, 1)
        listen(self._slider.valueChanged, self._on_slider, 1)

    def _on_spin(self, value: float) -> None:
        self._slider.blockSignals(True)
        self._slider.setValue(_steps(value))
        self._slider.blockSignals(False)
        self.valueChanged.emit(value)

    def _on_slider(self, steps: int) -> None:
        self._spin.setValue(steps / _STEPS_PER_UNIT)

    def _set_minimum(self, value: float) -> None:
        self._spin.setMinimum(value)
        self._slider.setMinimum(_steps(value))

    def _set_maximum(self, value: float) -> None:
        self._spin.setMaximum(value)
        self._slider.setMaximum(_steps(value))

    value = qproperty(float, lambda self: self._spin.value(), lambda self, v: self._spin.setValue(v))
    minimum = qproperty(float, lambda self: self._spin.minimum(), lambda self, v: self._set_minimum(v))
    maximum = qproperty(float, lambda self: self._spin.maximum(), lambda self, v: self._set_maximum(v))
    singleStep = qproperty(float, lambda self: self._spin.singleStep(), lambda self, v: self._spin.setSingleStep(v))
    decimals = qproperty(int, lambda self: self._spin.decimals(), lambda self, v: self._spin.setDecimals(v))
    suffix = qproperty(str, lambda self: self._spin.suffix(), lambda self, v: self._spin.setSuffix(v))
    prefix = qproperty(str, lambda self: self._spin.prefix(), lambda self, v: self._spin.setPrefix(v))
    pageStep = stored(float, "pageStep", 1.0)
    tracking = stored(bool, "tracking", True)
    tickInterval = stored(float, "tickInterval", 0.0)
    spinBoxVisible = qproperty(
        bool, lambda self: not self._spin.isHidden(), lambda self, value: self._spin.setVisible(value)
    )

    def setValue(self, value: float) -> None:
        self._spin.setValue(value)

    def setRange(self, minimum: float, maximum: float) -> None:
        self._set_minimum(minimum)
        self._set_maximum(maximum)


@native
class ctkDoubleSlider(ctkSliderWidget):
    """A slider with a float value."""


@native
class ctkDoubleSpinBox(wrap(QtWidgets.QDoubleSpinBox)):  # type: ignore[misc]
    """A spin box of CTK's."""


@native
class ctkRangeWidget(wrap(QtWidgets.QWidget)):  # type: ignore[misc]
    """Two values within a range."""

    valuesChanged = QtCore.Signal(float, float)
    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    _range: tuple[float, float]
    _values: tuple[float, float]

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._range = (0.0, 99.0)
        self._values = (0.0, 99.0)

    def setRange(self, minimum: float, maximum: float) -> None:
        self._range = (minimum, maximum)
        self.setValues(*self._values)

    def setValues(self, minimum: float, maximum: float) -> None:
        lower, upper = self._range
        values = (min(max(minimum, lower), upper), min(max(maximum, lower), upper))
        if values == self._values:
            return
        self._values = values
        self.minimumValueChanged.emit(values[0])
        self.maximumValueChanged.emit(values[1])
        self.valuesChanged.emit(*values)

    minimum = qproperty(float, lambda self: self._range[0], lambda self, v: self.setRange(v, self._range[1]))
    maximum = qproperty(float, lambda self: self._range[1], lambda self, v: self.setRange(self._range[0], v))
    minimumValue = qproperty(float, lambda self: self._values[0], lambda self, v: self.setValues(v, self._values[1]))
    maximumValue = qproperty(float, lambda self: self._values[1], lambda self, v: self.setValues(self._values[0], v))
    singleStep = stored(float, "singleStep", 1.0)
    decimals = stored(int, "decimals", 2)


@native
class ctkDoubleRangeSlider(ctkRangeWidget):
    """A slider with two handles."""
