"""The application object (`slicer.app`) and the managers it hands out."""
# ruff: noqa: N801, N802, N815 (the names are Slicer's)

from __future__ import annotations

import os
import stat
import sys
import types
from pathlib import Path
from typing import Any

from PySide6 import QtCore

from rig.io_manager import IOManager
from rig.layout_manager import LayoutManager
from rig.pythonqt import native, qproperty, wrap
from rig.qt_module import ApplicationBase
from rig.scene import Scene


@native
class qSlicerModuleManager(wrap(QtCore.QObject)):  # type: ignore[misc]
    """The loaded modules, by name."""

    moduleLoaded = QtCore.Signal(str)
    moduleAboutToBeUnloaded = QtCore.Signal(str)
    moduleUnloaded = QtCore.Signal(str)
    _modules: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self._modules = {}

    def add(self, module: Any) -> None:
        """Register a module."""
        import slicer

        self._modules[module.name] = module
        setattr(slicer.modules, module.name.lower(), module)
        setattr(slicer.moduleNames, module.name, module.name)
        self.moduleLoaded.emit(module.name)

    def module(self, name: str) -> Any:
        return self._modules.get(name)

    def isLoaded(self, name: str) -> bool:
        return name in self._modules

    def modulesNames(self) -> list[str]:
        return list(self._modules)

    def factoryManager(self) -> Any:
        return types.SimpleNamespace(
            loadedModuleNames=self.modulesNames,
            registeredModuleNames=self.modulesNames,
            isRegistered=self.isLoaded,
            isLoaded=self.isLoaded,
        )


class ExtensionsManagerModel:
    """Which extensions are installed (none unless a test adds one); asks before it installs one, as Slicer does."""

    def __init__(self) -> None:
        self.installed: set[str] = set()

    def isExtensionInstalled(self, name: str) -> bool:
        return name in self.installed

    def installExtensionFromServer(self, name: str, restart: bool = True, update: bool = False) -> bool:
        """Pretend to install an extension, if the user agrees, and offer to restart."""
        import slicer

        if name in self.installed:
            return True
        if not _agreed("Install extension ?", f"Do you want to install '{name}' now?"):
            return False
        self.installed.add(name)
        if restart and _agreed("Restart slicer ?", "Slicer must be restarted. Do you want to restart now ?"):
            slicer.app.restart()
        return True


def _agreed(title: str, text: str) -> bool:
    """Answer of a person; in testing mode Slicer asks nobody."""
    import qt
    import slicer

    if slicer.app.testingEnabled():
        return title.startswith("Install")
    return bool(qt.QMessageBox.question(None, title, text) == qt.QMessageBox.Yes)


def python_slicer(folder: Path) -> Path:
    """Make the executable `PythonSlicer`, which is this interpreter, and put its folder on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / ("PythonSlicer.bat" if os.name == "nt" else "PythonSlicer")
    if os.name == "nt":
        script.write_text(f'@"{sys.executable}" %*\n', encoding="utf-8")
    else:
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    return script


@native
class qSlicerApplication(ApplicationBase):
    """The running application, without a window of its own."""

    startupCompleted = QtCore.Signal()
    lastWindowClosedByUser = QtCore.Signal()
    _scene: Scene | None
    _io: IOManager | None
    _layouts: LayoutManager | None
    _modules: qSlicerModuleManager
    _folder: Path
    _environment: dict[str, str]
    _options: types.SimpleNamespace
    _extensions: ExtensionsManagerModel
    _testing: bool
    _pauses: int

    def __init__(self, folder: Path) -> None:
        super().__init__(["Slicer", "-style", "fusion"])
        self._scene, self._io, self._layouts = None, None, None
        self._folder = folder
        self._environment = dict(os.environ)
        self._modules = qSlicerModuleManager()
        self._extensions = ExtensionsManagerModel()
        self._options = types.SimpleNamespace(noMainWindow=False, runPythonAndExit=False, testingEnabled=False)
        self._testing, self._pauses = False, 0
        self.setQuitOnLastWindowClosed(False)
        python_slicer(folder / "Slicer" / "bin")
        _settings(folder / "settings")

    def attach(self, scene: Scene) -> None:
        """Give the application its scene."""
        self._scene = scene
        self._io = IOManager(scene.node, scene.logics)
        self._layouts = LayoutManager(scene)

    temporaryPath = qproperty(str, lambda self: str(self._folder / "tmp"), lambda _self, _value: None)
    slicerHome = qproperty(str, lambda self: str(self._folder / "Slicer"), lambda _self, _value: None)
    mainApplicationName = qproperty(str, lambda _self: "Slicer", lambda _self, _value: None)
    revision = qproperty(str, lambda _self: "0", lambda _self, _value: None)
    majorVersion = qproperty(int, lambda _self: 5, lambda _self, _value: None)
    minorVersion = qproperty(int, lambda _self: 12, lambda _self, _value: None)
    documentationBaseUrl = qproperty(
        str, lambda _self: "https://slicer.readthedocs.io/en/latest/", lambda _self, _value: None
    )

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"{self.documentationBaseUrl}user_guide/modules/{name.lower()}.html"

    def mrmlScene(self) -> Any:
        return None if self._scene is None else self._scene.node

    def applicationLogic(self) -> Any:
        return None if self._scene is None else self._scene.application_logic

    def coreIOManager(self) -> IOManager | None:
        return self._io

    def ioManager(self) -> IOManager | None:
        return self._io

    def layoutManager(self) -> LayoutManager | None:
        return self._layouts

    def moduleManager(self) -> qSlicerModuleManager:
        return self._modules

    def extensionsManagerModel(self) -> ExtensionsManagerModel:
        return self._extensions

    def commandOptions(self) -> types.SimpleNamespace:
        return self._options

    def testingEnabled(self) -> bool:
        return self._testing

    def setTesting(self, enabled: bool) -> None:
        """Behave as an application that was started with ``--testing`` (messages are logged, not shown)."""
        self._testing = enabled

    def userSettings(self) -> Any:
        import qt

        return qt.QSettings()

    settings = userSettings
    revisionUserSettings = userSettings

    def startupEnvironment(self) -> Any:
        """The environment without what the application added to it."""
        environment = QtCore.QProcessEnvironment()
        for name, value in self._environment.items():
            environment.insert(name, value)
        return environment

    def environment(self) -> Any:
        """The environment of this process."""
        return QtCore.QProcessEnvironment.systemEnvironment()

    def pauseRender(self) -> None:
        self._pauses += 1

    def resumeRender(self) -> None:
        self._pauses -= 1

    def confirmRestart(self, reason: str = "") -> None:
        """Ask whether to restart."""
        if _agreed("Restart", reason or "Are you sure you want to restart?"):
            self.restart()

    def restart(self) -> None:
        """A restart is only counted."""
        self.__dict__["_restart_count"] = self.restartCount() + 1

    def restartCount(self) -> int:
        """How many restarts were asked for."""
        return int(self.__dict__.get("_restart_count", 0))

    def openUrl(self, url: str) -> None:
        import qt

        qt.QDesktopServices.openUrl(qt.QUrl(url))


def _settings(folder: Path) -> None:
    """Keep settings in an ini file of this run, never in the user's own."""
    folder.mkdir(parents=True, exist_ok=True)
    QtCore.QCoreApplication.setOrganizationName("NA-MIC")
    QtCore.QCoreApplication.setApplicationName("Slicer")
    QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
    for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, scope, str(folder))
