"""A combo box of installed model bundles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from NeoSegDINOLib.bundles import bundle_choices


class BundleCombo:
    """Shows and takes the name of a bundle.

    Parameters
    ----------
    combo : QComboBox
        The widget.
    on_chosen : callable
        Called with the name of the bundle that the user has chosen; empty for the default one.
    """

    def __init__(self, combo: Any, on_chosen: Callable[[str], None]) -> None:
        self._combo = combo
        self._on_chosen = on_chosen
        self._names: list[str] = []
        combo.connect("currentIndexChanged(int)", self.on_index)

    @property
    def default(self) -> str:
        """Name of the first bundle."""
        return self._names[0]

    def fill(self) -> None:
        """List the bundles that are installed."""
        choices = bundle_choices()
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        for _name, title in choices:
            self._combo.addItem(title)
        self._combo.blockSignals(blocked)
        self._names = [name for name, _title in choices]

    def show(self, name: str) -> bool:
        """Show a bundle; False, and the default one is shown, if it is not installed."""
        known = name in self._names
        blocked = self._combo.blockSignals(True)
        self._combo.currentIndex = self._names.index(name) if known else 0
        self._combo.blockSignals(blocked)
        return known

    def on_index(self, index: int) -> None:
        """Hand on the user's choice."""
        if 0 <= index < len(self._names):
            self._on_chosen(self._names[index])
