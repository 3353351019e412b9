"""The part of the tab "Models" for Meta's DINOv3 encoder weights: licence, download, file, removal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from neosegdino.errors import Cancelled, NeoSegDINOError, WeightsError
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.install import ensure_packages
from NeoSegDINOLib.message_box import MessageBox
from NeoSegDINOLib.model_card import size_in_words
from NeoSegDINOLib.text_view import TextView, open_link
from NeoSegDINOLib.timer import Timer
from NeoSegDINOLib.weights_job import WeightsJob
from NeoSegDINOLib.wording import remaining_in_words

if TYPE_CHECKING:
    from neosegdino.licences import Licence
    from neosegdino.weights_store import Name

SHOW_EVERY_MS = 200
LEAVE_WITHIN_S = 5.0
SIZES = {
    "vit_small_patch16_dinov3": "Small (ViT-S/16)",
    "vit_small_plus_patch16_dinov3": "Small plus (ViT-S+/16)",
    "vit_base_patch16_dinov3": "Base (ViT-B/16)",
    "vit_large_patch16_dinov3": "Large (ViT-L/16)",
    "vit_huge_plus_patch16_dinov3": "Huge plus (ViT-H+/16)",
    "vit_7b_patch16_dinov3": "7B (ViT-7B/16)",
}
"""timm's name of each size, and what the panel calls it."""
LINK = '<a href="{address}">{address}</a>'


class WeightsSection:
    """Choice of a size, its licence, and what brings its weights.

    Nothing is asked of the network before the user clicks "Download".

    Parameters
    ----------
    ui : namespace
        Widgets of the form, by name.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._job: WeightsJob | None = None
        self._removal: Background[None] | None = None
        self._shown = False
        self._message = MessageBox(ui, "weights")
        self._text = TextView(ui.licenceBrowser)
        self._timer = Timer(SHOW_EVERY_MS, self._show_progress)
        for text in SIZES.values():
            ui.weightsComboBox.addItem(text)
        ui.weightsComboBox.connect("currentIndexChanged(int)", self.on_size_chosen)
        ui.licenceLinkLabel.connect("linkActivated(QString)", lambda address: open_link(qt.QUrl(address)))
        ui.acceptLicenceButton.connect("clicked(bool)", self.on_accept)
        ui.downloadWeightsButton.connect("clicked(bool)", self.on_download)
        ui.useWeightsFileButton.connect("clicked(bool)", self.on_use_file)
        ui.removeWeightsButton.connect("clicked(bool)", self.on_remove)
        ui.pauseDownloadButton.connect("clicked(bool)", self.on_pause)
        ui.cancelDownloadButton.connect("clicked(bool)", self.on_cancel)
        ui.downloadWidget.visible = False

    @property
    def busy(self) -> bool:
        """Whether weights are being brought or removed."""
        return self._job is not None or self._removal is not None

    def update(self) -> None:
        """Show licence, weights and buttons of the chosen size."""
        try:
            from neosegdino import licences
        except ModuleNotFoundError:  # the section of the models says so
            self._ui.weightsCollapsibleButton.enabled = False
            return
        self._ui.weightsCollapsibleButton.enabled = True
        try:
            terms = licences.read_licence(licences.DINOV3)
            self._show_licence(terms)
            self._show_state(licences.accepted(terms) is not None)
        except NeoSegDINOError as error:
            self._message.show_error(error, str(error))

    def on_size_chosen(self, _index: int) -> None:
        """Another size."""
        self._message.clear()
        self.update()

    def on_accept(self) -> None:
        """Record that the user accepts the licence."""
        from neosegdino import licences

        try:
            licences.accept(licences.read_licence(licences.DINOV3))
            self._ui.licenceGroupBox.collapsed = True
        except NeoSegDINOError as error:
            self._message.show_error(error, str(error))
        self.update()

    def on_download(self) -> None:
        """Download the weights, or go on with a download."""
        self._bring(None)

    def on_use_file(self) -> None:
        """Take the weights from a file that the user chooses."""
        chosen = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Use a downloaded file"), "", _("Weights (*.safetensors *.pth)")
        )
        if chosen:
            self._bring(Path(chosen))

    def on_remove(self) -> None:
        """Remove the weights, and what there is of a download, if the user agrees."""
        from neosegdino import hub

        name = self._name()
        question = _("Remove the weights '{name}' from this computer?").format(name=name)
        if self.busy or not slicer.util.confirmOkCancelDisplay(question, _("Remove the weights")):
            return

        def removed(_none: None) -> None:
            self._removal = None
            self.update()
            self._message.show_info(_("'{name}' was removed.").format(name=name))

        def missed(error: NeoSegDINOError) -> None:
            self._removal = None
            self.update()
            self._message.show_error(error, str(error))

        self._removal = Background(lambda: hub.remove(name.architecture, name.tag), removed, missed)
        self._removal.start()
        self.update()

    def on_pause(self) -> None:
        """Pause the download."""
        if self._job is not None:
            self._job.pause()

    def on_cancel(self) -> None:
        """End the download, or the check of a file."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """Pause a download (the module goes away)."""
        self._timer.stop()
        if self._removal is not None:
            self._removal.forget()
            self._removal = None
        if self._job is not None:
            self._job.leave(LEAVE_WITHIN_S)
            self._job = None

    def _name(self) -> Name:
        from neosegdino.hub import TAG
        from neosegdino.weights_store import Name

        return Name(list(SIZES)[self._ui.weightsComboBox.currentIndex], TAG)

    def _bring(self, source: Path | None) -> None:
        if self.busy:
            return
        self._message.clear()
        try:
            ensure_packages()
        except NeoSegDINOError as error:
            self._message.show_error(error, str(error))
            return
        self._job = WeightsJob(self._name(), source, self._on_done, self._on_error)
        self._job.start()
        self._timer.start()
        self._show_progress()
        self.update()

    def _on_done(self, path: Path) -> None:
        self._end()
        self._message.show_info(_("The weights are in {folder}.").format(folder=path.parent))

    def _on_error(self, error: NeoSegDINOError) -> None:
        log = "" if self._job is None else self._job.log.text()
        self._end()
        if not isinstance(error, Cancelled):
            self._message.show_error(error, log)

    def _end(self) -> None:
        self._job = None
        self._timer.stop()
        self.update()

    def _show_progress(self) -> None:
        """Progress bar and stage of the work."""
        ui, job = self._ui, self._job
        if job is None:
            return
        ui.downloadProgressBar.value = round(100 * job.progress.fraction)
        ui.weightsStateLabel.text = _state_in_words(self._name(), at_work=True)
        parts = (_stage_in_words(job.progress.stage), remaining_in_words(job.progress.remaining_s))
        ui.downloadStageLabel.text = ", ".join(part for part in parts if part)

    def _show_licence(self, terms: Licence) -> None:
        """The licence in full until it is accepted; then who accepted it when, and the text on demand."""
        from neosegdino import licences

        ui, found = self._ui, licences.accepted(terms)
        if not self._shown:
            self._shown = True
            self._text.show(terms.text)
            ui.licenceGroupBox.collapsed = found is not None
        ui.licenceLinkLabel.text = LINK.format(address=terms.address)
        ui.acceptLicenceButton.visible = found is None
        ui.acceptedLabel.visible = found is not None
        if found is not None:
            day, _t, _rest = found.accepted.partition("T")
            ui.acceptedLabel.text = _("Accepted by {user} on {day}.").format(user=found.user, day=day)

    def _show_state(self, agreed: bool) -> None:
        """What there is of the chosen weights, and what can be done."""
        from neosegdino import weights_store

        ui, name, idle = self._ui, self._name(), not self.busy
        here, begun = weights_store.there(name), weights_store.begun(name)
        ui.weightsStateLabel.text = _state_in_words(name, at_work=self._job is not None)
        ui.weightsComboBox.enabled = idle
        ui.downloadWidget.visible = self._job is not None
        ui.pauseDownloadButton.visible = self._job is not None and self._job.downloads
        ui.downloadWeightsButton.text = _("Resume Download") if begun and not here else _("Download")
        ui.downloadWeightsButton.enabled = idle and agreed and not here
        ui.useWeightsFileButton.enabled = idle and agreed
        ui.removeWeightsButton.enabled = idle and (here or bool(begun))
        needed = _("Read and accept the licence first.")
        ui.downloadWeightsButton.toolTip = (
            needed if not agreed else _("Download these weights from the Hugging Face hub; nothing is sent there.")
        )
        ui.useWeightsFileButton.toolTip = (
            needed
            if not agreed
            else _("Take these weights from a file of Meta, timm or Hugging Face on this computer.")
        )


def _state_in_words(name: Name, *, at_work: bool) -> str:
    """What there is of some weights, while more are coming or not."""
    from neosegdino import weights_store

    if weights_store.there(name):
        try:
            return _here_in_words(name)
        except (WeightsError, FileNotFoundError) as error:
            if weights_store.there(name):  # else they were removed just now, by this panel or in another Slicer
                return str(error)
    for part in weights_store.begun(name):
        text = _("{done} of {size} have come.") if at_work else _("Paused: {done} of {size} have come.")
        return text.format(done=size_in_words(part.bytes), size=size_in_words(part.size))
    return _("Not on this computer.")


def _here_in_words(name: Name) -> str:
    """Since when some weights are here, and what they are."""
    from neosegdino import weights_store

    record = weights_store.read_record(name)
    size = size_in_words((name.folder / weights_store.FILE).stat().st_size)
    return _("Here since {day}, {size}, SHA-256 {digest}...").format(
        day=record.fetched, size=size, digest=record.sha256[:12]
    )


def _stage_in_words(stage: str) -> str:
    known = {
        "start": _("Starting"),
        "download": _("Downloading"),
        "check weights": _("Checking the weights"),
        "copy": _("Copying"),
        "done": _("Finishing"),
    }
    return known.get(stage, stage.capitalize())
