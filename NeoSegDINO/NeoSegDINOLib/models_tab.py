"""The tab "Models": what is installed, and Meta's encoder weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from NeoSegDINOLib.installed_section import InstalledSection
from NeoSegDINOLib.weights_section import WeightsSection


class ModelsTab:
    """Fills the tab when somebody looks at it.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_changed : callable
        Called when models have come or gone, or another one is the default.
    """

    def __init__(self, ui: Any, on_changed: Callable[[], None]) -> None:
        self._ui = ui
        self._installed = InstalledSection(ui, on_changed)
        self._weights = WeightsSection(ui)
        ui.tabWidget.connect("currentChanged(int)", self.on_tab_chosen)

    @property
    def busy(self) -> bool:
        """Whether something is at work."""
        return self._installed.busy or self._weights.busy

    def on_tab_chosen(self, _index: int) -> None:
        """Show what is there now: other programs may have changed it."""
        if self._ui.tabWidget.currentWidget() == self._ui.modelsTab:
            self.update()

    def update(self) -> None:
        """Show models and weights."""
        self._installed.show_models()
        self._weights.update()

    def close(self) -> None:
        """Let go of everything; a download is paused (the module goes away)."""
        self._installed.close()
        self._weights.close()
