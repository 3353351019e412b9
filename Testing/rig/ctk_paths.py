"""Stand-ins for CTK's choosers of files and folders."""
# ruff: noqa: N801, N802, N815 (the names are CTK's)

from __future__ import annotations

from pathlib import Path

from PySide6 import QtCore, QtWidgets

from rig.connections import listen
from rig.dialogs import dialogs
from rig.pythonqt import native, qproperty, stored, wrap


@native
class ctkPathLineEdit(wrap(QtWidgets.QWidget)):  # type: ignore[misc]
    """A line with a path and a button to browse."""

    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)
    Files, Dirs, Drives, NoDot, NoDotDot = 0x002, 0x001, 0x004, 0x2000, 0x4000
    Readable, Writable, Executable, Hidden = 0x010, 0x020, 0x040, 0x100
    _line: QtWidgets.QLineEdit
    _browse_button: QtWidgets.QToolButton

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._line = QtWidgets.QLineEdit()
        self._browse_button = QtWidgets.QToolButton()
        self._browse_button.setText("...")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line)
        row.addWidget(self._browse_button)
        listen(self._line.textChanged, self._on_text, 1)
        listen(self._browse_button.clicked, self.browse, 0)

    def _on_text(self, text: str) -> None:
        self.validInputChanged.emit(Path(text).exists())
        self.currentPathChanged.emit(text)

    currentPath = qproperty(str, lambda self: self._line.text(), lambda self, value: self._line.setText(value))
    filters = stored(int, "filters", 0x016)
    nameFilters = stored("QStringList", "nameFilters", [])
    settingKey = stored(str, "settingKey", "")
    label = stored(str, "label", "")
    showBrowseButton = qproperty(
        bool, lambda self: not self._browse_button.isHidden(), lambda self, value: self._browse_button.setVisible(value)
    )
    showHistoryButton = stored(bool, "showHistoryButton", True)
    sizeAdjustPolicy = stored(int, "sizeAdjustPolicy", 0)
    minimumContentsLength = stored(int, "minimumContentsLength", 0)

    def setCurrentPath(self, path: str) -> None:
        self._line.setText(path)

    def addCurrentPathToHistory(self) -> None:
        """Keep the path for the list of former ones (which the stand-in does not draw)."""

    def browse(self) -> None:
        path = dialogs.show("ctkPathLineEdit", "Browse", self._line.text())
        self._line.setText(str(path))


@native
class ctkDirectoryButton(wrap(QtWidgets.QWidget)):  # type: ignore[misc]
    """A button that holds a folder."""

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)
    _directory: str
    _button: QtWidgets.QPushButton

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._directory = "."
        self._button = QtWidgets.QPushButton(".")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._button)
        listen(self._button.clicked, self.browse, 0)

    def _set_directory(self, path: str) -> None:
        absolute = str(Path(path).absolute())
        if absolute != str(Path(self._directory).absolute()):
            self._directory = absolute
            self._button.setText(absolute)
            self.directoryChanged.emit(absolute)

    directory = qproperty(str, lambda self: self._directory, lambda self, value: self._set_directory(value))
    caption = stored(str, "caption", "")
    text = stored(str, "text", "")

    def browse(self) -> None:
        path = str(dialogs.show("ctkDirectoryButton", str(self.caption), self._directory))
        self._set_directory(path)
        self.directorySelected.emit(path)
