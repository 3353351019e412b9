"""The part of the tab "Models" that lists the installed models: install, remove, make default, verify."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.default_bundle import SHIPPED, default_bundle, set_default_bundle
from NeoSegDINOLib.message_box import MessageBox
from NeoSegDINOLib.model_card import card_of
from NeoSegDINOLib.model_list import fill_model_list, selected
from NeoSegDINOLib.text_view import TextView

if TYPE_CHECKING:
    from neosegdino.bundle_store import Found

MANIFEST = "bundle.json"


class InstalledSection:
    """List, card and buttons.

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    on_changed : callable
        Called when models have come or gone, or another one is the default.
    """

    def __init__(self, ui: Any, on_changed: Callable[[], None]) -> None:
        self._ui = ui
        self._on_changed = on_changed
        self._models: Sequence[Found] = ()
        self._work: Background[Any] | None = None
        self._message = MessageBox(ui, "models")
        self._card = TextView(ui.cardBrowser)
        ui.modelList.connect("currentRowChanged(int)", self.on_selected)
        ui.installModelButton.connect("clicked(bool)", self.on_install)
        ui.removeModelButton.connect("clicked(bool)", self.on_remove)
        ui.defaultModelButton.connect("clicked(bool)", self.on_set_default)
        ui.verifyModelButton.connect("clicked(bool)", self.on_verify)

    @property
    def busy(self) -> bool:
        """Whether something is being installed, removed or verified."""
        return self._work is not None

    def show_models(self) -> None:
        """List what is installed now."""
        try:
            from neosegdino import bundle_store
        except ModuleNotFoundError:
            self._message.show_info(
                _(
                    "The Python packages that NeoSegDINO needs are not installed yet. The first click on "
                    "Segment Hippocampus installs them, with your consent."
                )
            )
            self._show_buttons()
            return
        self._models = bundle_store.list_bundles()
        default = default_bundle() or bundle_store.DEFAULT
        fill_model_list(self._ui.modelList, self._models, default)
        if default not in [found.folder.name for found in self._models]:
            text = _("The default model '{name}' is not installed. Set another one as default.").format(name=default)
            self._message.show_warning(text, "")
        self.on_selected()

    def on_selected(self, _row: int = -1) -> None:
        """Show the card of the selected model."""
        found = self._selected()
        self._ui.cardBrowser.visible = found is not None
        if found is not None:
            self._card.show(card_of(found))
        self._show_buttons()

    def on_install(self) -> None:
        """Install the model of a file that the user chooses; one of that name is replaced only with consent."""
        chosen = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(),
            _("Install a model"),
            "",
            _("Models (*.zip {manifest})").format(manifest=MANIFEST),
        )
        if chosen and not self.busy:
            path = Path(chosen)
            self._install(path.parent if path.name == MANIFEST else path, replace=False)

    def on_remove(self) -> None:
        """Remove the selected model, if the user agrees."""
        from neosegdino.bundle_store import remove_bundle

        found = self._selected()
        if found is None or found.shipped or self.busy:
            return
        name = found.folder.name
        question = _("Remove the model '{name}' from this computer? Its folder is deleted.").format(name=name)
        if not slicer.util.confirmOkCancelDisplay(question, _("Remove the model")):
            return

        def removed(_folder: Path) -> None:
            text = _("'{name}' was removed.").format(name=name)
            if default_bundle() == name:
                set_default_bundle(SHIPPED)
                text += " " + _("The shipped model is the default again.")
            self._end(text)

        self._start(lambda: remove_bundle(name), removed)

    def on_set_default(self) -> None:
        """Use the selected model where none is named."""
        from neosegdino import bundle_store

        found = self._selected()
        if found is None or found.bundle is None:
            return
        name = found.folder.name
        set_default_bundle(SHIPPED if name == bundle_store.DEFAULT else name)
        self._end(_("'{title}' is the default model now.").format(title=found.bundle.spec.title))

    def on_verify(self) -> None:
        """Compare the files of the selected model with their hashes."""
        from neosegdino.bundle import load_bundle

        found = self._selected()
        if found is None or self.busy:
            return

        def whole(bundle: Any) -> None:
            count = len(bundle.spec.files)
            self._end(_("'{name}' is whole: {count} files.").format(name=bundle.spec.name, count=count))

        self._start(lambda: load_bundle(found.folder), whole)

    def close(self) -> None:
        """Tell nobody any more (the module goes away)."""
        if self._work is not None:
            self._work.forget()
            self._work = None

    def _install(self, source: Path, *, replace: bool) -> None:
        from neosegdino.bundle_store import InstalledAlready, install_bundle

        def refused(error: NeoSegDINOError) -> bool:
            """Ask whether it may be replaced; whether there is nothing more to tell."""
            if not isinstance(error, InstalledAlready):
                return False
            question = _("{message} Replace it?").format(message=error.message)
            if slicer.util.confirmOkCancelDisplay(question, _("Replace the model")):
                self._install(source, replace=True)
            return True

        def installed(bundle: Any) -> None:
            self._end(_("'{title}' was installed.").format(title=bundle.spec.title))
            self._select(bundle.spec.name)

        self._start(lambda: install_bundle(source, replace=replace), installed, refused)

    def _start(
        self,
        work: Callable[[], Any],
        on_done: Callable[[Any], None],
        settled: Callable[[NeoSegDINOError], bool] = lambda _error: False,
    ) -> None:
        """Do what takes a while without blocking the window; show an error unless `settled` says it is dealt with."""
        self._message.clear()

        def done(result: Any) -> None:
            self._work = None
            on_done(result)

        def missed(error: NeoSegDINOError) -> None:
            self._work = None
            self.show_models()
            if not settled(error):
                self._message.show_error(error, str(error))

        self._work = Background(work, done, missed)
        self._work.start()
        self._show_buttons()

    def _end(self, text: str) -> None:
        self.show_models()
        self._message.show_info(text)
        self._on_changed()

    def _select(self, name: str) -> None:
        names = [found.folder.name for found in self._models]
        if name in names:
            self._ui.modelList.setCurrentRow(names.index(name))

    def _selected(self) -> Found | None:
        name = selected(self._ui.modelList)
        return next((found for found in self._models if found.folder.name == name), None)

    def _show_buttons(self) -> None:
        """Only what is possible can be clicked; the tooltip of what is not says why."""
        ui, found = self._ui, self._selected()
        idle = not self.busy
        ui.installModelButton.enabled = idle and bool(self._models)
        ui.verifyModelButton.enabled = idle and found is not None
        ui.defaultModelButton.enabled = idle and found is not None and found.bundle is not None
        ui.removeModelButton.enabled = idle and found is not None and not found.shipped
        shipped = found is not None and found.shipped
        ui.removeModelButton.toolTip = (
            _("The model that ships with the extension stays.")
            if shipped
            else _("Delete the selected model from this computer. You are asked first.")
        )
