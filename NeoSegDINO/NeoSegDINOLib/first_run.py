"""The banner above the tabs: what is missing, one button that mends it, and the installation while it is at work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from neosegdino.errors import Cancelled, NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.install import missing_packages, require_installed, start_installation
from NeoSegDINOLib.pip_installation import PipInstallation
from NeoSegDINOLib.readiness import EXTENSION, Lack, Mend, first_lack
from NeoSegDINOLib.timer import Timer
from NeoSegDINOLib.use_model import UseModel
from NeoSegDINOLib.wording import error_in_words

ICON_PIXELS = 20
POLL_EVERY_MS = 100


class FirstRun:
    """Connects the banner's widgets with what is missing.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_packages : callable
        Called when packages have come.
    on_model : callable
        Called with the name of a model that has been installed.
    """

    def __init__(self, ui: Any, on_packages: Callable[[], None], on_model: Callable[[str], None]) -> None:
        self._ui = ui
        self._on_packages = on_packages
        self._on_model_installed = on_model
        self._lack: Lack | None = None
        self._log = ""
        self._use = UseModel(self._on_model, self._show_error)
        self._timer = Timer(POLL_EVERY_MS, self._show_progress)
        ui.mendButton.connect("clicked(bool)", self.on_mend)
        ui.cancelInstallButton.connect("clicked(bool)", self.on_cancel)
        ui.copyInstallLogButton.connect("clicked(bool)", self.on_copy_log)
        PipInstallation.watchers.append(self._on_installation)
        self.update()

    @property
    def installing(self) -> bool:
        """Whether packages are being installed."""
        return PipInstallation.current is not None

    def update(self) -> None:
        """Look again what is missing, unless it is being mended."""
        if self.installing:
            return
        self._lack = lack = first_lack()
        self._ui.firstRunFrame.visible = lack is not None
        self._show(lack.sentence if lack is not None else "", qt.QStyle.SP_MessageBoxInformation)

    def on_mend(self) -> None:
        """Do what the button says."""
        mends: dict[Mend, Callable[[], object]] = {
            Mend.extension: self._install_extension,
            Mend.restart: lambda: slicer.app.confirmRestart(_("The extension 'PyTorch' is there after a restart.")),
            Mend.torch: lambda: slicer.util.selectModule("PyTorchUtils"),
            Mend.packages: self._install_packages,
            Mend.model: self._install_model,
        }
        if self._lack is not None:
            mends[self._lack.mend]()

    def on_cancel(self) -> None:
        """End the installation, if it can still be ended."""
        if PipInstallation.current is not None:
            PipInstallation.current.cancel()

    def on_copy_log(self) -> None:
        """Put pip's log on the clipboard."""
        slicer.app.clipboard().setText(self._log)

    def close(self) -> None:
        """End an installation and let go of everything (the module goes away)."""
        PipInstallation.watchers.remove(self._on_installation)
        self._timer.stop()
        self._use.close()
        if PipInstallation.current is not None:
            PipInstallation.current.close()

    def _install_extension(self) -> None:
        slicer.app.extensionsManagerModel().installExtensionFromServer(EXTENSION)
        self.update()

    def _install_packages(self) -> None:
        try:
            start_installation(missing_packages())
        except NeoSegDINOError as error:
            self._show_error(error)

    def _install_model(self) -> None:
        file = qt.QFileDialog.getOpenFileName(None, _("Model file"), "", _("Models (*.zip)"))
        if file:
            self._use.install(Path(file))

    def _on_model(self, name: str) -> None:
        self.update()
        self._on_model_installed(name)

    def _on_installation(self, installation: PipInstallation) -> None:
        """Packages are being installed, or that has ended; whoever has asked for them."""
        self._log = installation.output.log()
        if installation.running:
            self._ui.firstRunFrame.visible = True
            self._timer.start()
            self._show_progress()
            return
        self._timer.stop()
        self.update()
        try:
            if installation.error is not None:
                raise installation.error
            require_installed(missing_packages())
        except NeoSegDINOError as error:
            self._show_error(error)
            return
        self._on_packages()

    def _show_progress(self) -> None:
        """Show what pip is doing."""
        installation = PipInstallation.current
        if installation is None:
            return
        output = installation.output
        self._show(output.text, qt.QStyle.SP_MessageBoxInformation)
        bar = self._ui.firstRunProgressBar
        bar.maximum = 0 if output.percent is None else 100  # a maximum of 0 only moves
        bar.value = output.percent or 0
        self._ui.cancelInstallButton.enabled = not output.writing

    def _show_error(self, error: NeoSegDINOError) -> None:
        icon = qt.QStyle.SP_MessageBoxInformation if isinstance(error, Cancelled) else qt.QStyle.SP_MessageBoxWarning
        self._ui.firstRunFrame.visible = True
        self._show(error_in_words(error), icon)
        self._ui.copyInstallLogButton.visible = bool(self._log)

    def _show(self, text: str, icon: Any) -> None:
        ui = self._ui
        ui.firstRunLabel.text = text
        ui.firstRunIcon.setPixmap(ui.firstRunFrame.style().standardIcon(icon).pixmap(ICON_PIXELS, ICON_PIXELS))
        installing, lack = self.installing, self._lack
        ui.firstRunProgressBar.visible = installing
        ui.cancelInstallButton.visible = installing
        ui.copyInstallLogButton.visible = False
        ui.mendButton.visible = lack is not None and not installing
        if lack is not None:
            ui.mendButton.text, ui.mendButton.toolTip = lack.mend.label(), lack.mend.hint()
