"""One line that says what the chosen device is, and whether it works: asked of the worker, which tries it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.choices import Device
from NeoSegDINOLib.install import missing_packages
from NeoSegDINOLib.worker_document import WorkerDocument


class DeviceLine:
    """Keeps the line below the choice of the device; asks only while the section "Advanced" is open.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._worker: WorkerDocument | None = None
        self._background: Background[dict[str, Any]] | None = None
        ui.advancedCollapsibleButton.connect("contentsCollapsed(bool)", self.on_folded)
        ui.deviceComboBox.connect("currentIndexChanged(int)", self.on_device_chosen)

    def on_folded(self, collapsed: bool) -> None:
        """Ask when somebody looks."""
        self.close()
        if not collapsed:
            self._ask()

    def on_device_chosen(self, _index: int) -> None:
        """Ask for another device."""
        self.on_folded(self._ui.advancedCollapsibleButton.collapsed)

    def close(self) -> None:
        """End the question that is open."""
        if self._background is not None and self._worker is not None:
            self._background.forget()
            self._worker.cancel()
        self._background = self._worker = None

    def _ask(self) -> None:
        if missing_packages():
            self._ui.deviceLineLabel.text = _("Known once the Python packages are installed.")
            return
        self._ui.deviceLineLabel.text = _("Trying the device \u2026")
        name = list(Device)[self._ui.deviceComboBox.currentIndex].value
        self._worker = WorkerDocument(["doctor", "--json", "--device", name], Path(tempfile.gettempdir()))
        self._background = Background(self._worker.read, self._show, self._show_error)
        self._background.start()

    def _show(self, found: dict[str, Any]) -> None:
        self._background = self._worker = None
        self._ui.deviceLineLabel.text = device_in_words(found)

    def _show_error(self, error: NeoSegDINOError) -> None:
        self._background = self._worker = None
        self._ui.deviceLineLabel.text = f"\u26a0 {error}"


def device_in_words(found: dict[str, Any]) -> str:
    """Say what ``neosegdino doctor`` has found of a device, and what is wrong with it."""
    device = found["device"]
    if device is None:
        problem = next(
            problem for problem in found["problems"] if problem["kind"] in ("DeviceError", "DependencyError")
        )
        return f"\u26a0 {problem['message']} {problem['remedy']}"
    torch = device["torch"] if device["cuda"] else _("{version} without CUDA").format(version=device["torch"])
    line = _("PyTorch {version}: {device}").format(version=torch, device=device["line"])
    return "\n".join([line, *(f"\u26a0 {note}" for note in device["notes"])])
