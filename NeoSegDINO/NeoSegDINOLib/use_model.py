"""A fine-tuned model, installed for this user and chosen for segmenting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import slicer
from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background

if TYPE_CHECKING:
    from neosegdino.bundle import Bundle


class UseModel:
    """Installs a bundle without blocking the window.

    Parameters
    ----------
    on_installed : callable
        Called with the bundle's name.
    on_error : callable
        Called with why it was not installed.
    """

    def __init__(self, on_installed: Callable[[str], None], on_error: Callable[[NeoSegDINOError], None]) -> None:
        self._on_installed = on_installed
        self._on_error = on_error
        self._background: Background[Bundle] | None = None

    def install(self, folder: Path) -> None:
        """Install the bundle of a folder; one of that name is replaced only with the user's consent."""
        from neosegdino.bundle_store import install_bundle, install_folder

        if self._background is not None:
            return
        replace = (install_folder() / folder.name).exists()
        if replace and not self._may_replace(folder.name):
            return
        self._background = Background(lambda: install_bundle(folder, replace=replace), self._take, self._miss)
        self._background.start()

    def close(self) -> None:
        """Tell nobody any more."""
        if self._background is not None:
            self._background.forget()
            self._background = None

    def _may_replace(self, name: str) -> bool:
        question = _("A model named '{name}' is installed already. Replace it?").format(name=name)
        return bool(slicer.util.confirmOkCancelDisplay(question, _("Replace the model")))

    def _take(self, bundle: Bundle) -> None:
        self._background = None
        self._on_installed(bundle.spec.name)

    def _miss(self, error: NeoSegDINOError) -> None:
        self._background = None
        self._on_error(error)
