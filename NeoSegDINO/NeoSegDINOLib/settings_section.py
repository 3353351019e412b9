"""The section "Settings" of the tab "Fine-tune": the widgets that the parameter node cannot be tied to by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neosegdino.errors import NeoSegDINOError

from NeoSegDINOLib.bundle_combo import BundleCombo
from NeoSegDINOLib.choices import FinetuneWindows
from NeoSegDINOLib.finetune_settings import settings_of

if TYPE_CHECKING:
    from neosegdino.training.settings import FinetuneSettings


class SettingsSection:
    """Settings of the run that is being prepared.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._parameters: Any = None
        self._bundles = BundleCombo(ui.baseComboBox, self.on_bundle_chosen)

    def set_parameters(self, parameters: Any) -> None:
        """Take over a parameter node, or None while there is no scene."""
        self._parameters = parameters
        if parameters is not None:
            self._bundles.fill()
            self.update()

    def fill(self) -> None:
        """List the bundles again."""
        self._bundles.fill()

    def settings(self) -> FinetuneSettings:
        """Return the settings.

        Raises
        ------
        TrainingError
            If one of them cannot be.
        """
        return settings_of(self._parameters)

    def why_not(self) -> str | None:
        """Why no run can be started with these settings, in words; None if one can."""
        try:
            self.settings()
        except NeoSegDINOError as error:
            return str(error)
        except ModuleNotFoundError:
            return None  # they are looked at once the packages are installed
        return None

    def update(self) -> None:
        """Show the chosen bundle, and what counts with these windows."""
        ui, parameters = self._ui, self._parameters
        if not self._bundles.show(parameters.finetuneBundle):
            parameters.finetuneBundle = self._bundles.default
        several = parameters.finetuneWindows is FinetuneWindows.all
        for widget in (ui.countsLabel, ui.countsEdit, ui.armsLabel, ui.armsComboBox):
            widget.enabled = several

    def on_bundle_chosen(self, name: str) -> None:
        """Keep the chosen bundle."""
        if self._parameters is not None:
            self._parameters.finetuneBundle = name
