"""Meta's weights in the tab "Models": real clicks, real worker processes, a hub on this computer."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from module_samples.hub_server import Hub, serve
from neosegdino import licences, weights_store
from neosegdino.weights_store import Name

NAME = Name("vit_small_patch16_dinov3", "lvd1689m")
CONTENT = bytes(range(256)) * 2000
SLOW = 300_000  # bytes a second


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with serve(Hub(CONTENT)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


@pytest.fixture
def ui(home, hub, models, jobs, module_widget):
    ui = module_widget.ui
    ui.tabWidget.currentIndex = 2
    ui.weightsCollapsibleButton.collapsed = False
    return ui


@pytest.fixture
def agreed(ui):
    ui.acceptLicenceButton.click()


@pytest.fixture
def done(slicer_scene, module_widget):
    """Wait until nothing is at work in the tab."""
    return lambda: slicer_scene.wait_for(lambda: not module_widget.modelsTab.busy)


@pytest.fixture
def downloading(ui, agreed, hub, slicer_scene):
    """A slow download of which something has come."""
    hub.bytes_per_s = SLOW
    ui.downloadWeightsButton.click()
    slicer_scene.wait_for(lambda: any(part.bytes for part in weights_store.begun(NAME)))
    slicer_scene.wait_for(lambda: ui.downloadProgressBar.value > 0)


def workers() -> list[psutil.Process]:
    """Workers of this process that bring weights."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE and "fetch" in child.cmdline()]


def files_under(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


class TestLicence:
    def test_is_shown_in_full_with_a_link_and_nothing_is_asked_of_the_network(self, ui, hub, slicer_scene):
        text = ui.licenceBrowser.toPlainText()
        assert "Last Updated: August 19, 2025" in text
        assert "signed by an authorized representative of both you and Meta." in text
        ui.licenceLinkLabel.linkActivated.emit(licences.read_licence(licences.DINOV3).address)
        assert slicer_scene.dialogs.opened_urls == [
            "https://ai.meta.com/resources/models-and-libraries/dinov3-license/"
        ]
        ui.weightsComboBox.currentIndex = 2
        assert hub.asked == []

    def test_comes_before_everything(self, ui, home):
        for button in (ui.downloadWeightsButton, ui.useWeightsFileButton):
            assert not button.enabled
            assert "accept the licence first" in button.toolTip
        assert files_under(home) == []

    def test_is_accepted_once_with_who_and_when(self, ui, home, agreed):
        found = licences.accepted(licences.read_licence(licences.DINOV3))
        assert found.user == psutil.Process().username()
        assert ui.acceptedLabel.text == f"Accepted by {found.user} on {found.accepted[:10]}."
        assert ui.acceptLicenceButton.isHidden()
        assert ui.downloadWeightsButton.enabled
        assert files_under(home) == ["licences.json"]

    def test_damaged_record_is_told(self, ui, home, module_widget):
        (home / ".neosegdino").mkdir(parents=True)
        (home / ".neosegdino" / "licences.json").write_text("{", encoding="utf-8")
        module_widget.modelsTab.update()
        assert "licences.json is damaged" in ui.weightsMessageLabel.text


class TestDownload:
    def test_a_click_brings_the_weights(self, ui, agreed, hub, done):
        assert ui.weightsStateLabel.text == "Not on this computer."
        ui.downloadWeightsButton.click()
        assert not ui.downloadWidget.isHidden()
        assert not ui.downloadWeightsButton.enabled
        done()
        assert weights_store.find(NAME).read_bytes() == CONTENT
        assert ui.weightsStateLabel.text.startswith("Here since ")
        assert "0.5 MB, SHA-256" in ui.weightsStateLabel.text
        assert "The weights are in" in ui.weightsMessageLabel.text
        assert ui.downloadWidget.isHidden()
        assert not ui.downloadWeightsButton.enabled
        assert ui.removeWeightsButton.enabled

    def test_meanwhile_the_tab_says_how_much_has_come(self, ui, downloading, slicer_scene):
        slicer_scene.wait_for(lambda: "of 0.5 MB have come." in ui.weightsStateLabel.text)
        ui.tabWidget.currentIndex = 0
        ui.tabWidget.currentIndex = 2
        assert not ui.weightsStateLabel.text.startswith("Paused")
        assert ui.downloadStageLabel.text.startswith("Downloading")
        ui.cancelDownloadButton.click()

    def test_pause_keeps_what_came_and_resume_goes_on(self, ui, downloading, hub, done):
        ui.pauseDownloadButton.click()
        done()
        assert workers() == []
        (part,) = weights_store.begun(NAME)
        assert ui.weightsStateLabel.text.startswith("Paused: 0.")
        assert ui.weightsMessageFrame.isHidden()
        assert ui.downloadWeightsButton.text == "Resume Download"
        kept, hub.bytes_per_s, hub.asked = part.bytes, 1e9, []
        ui.downloadWeightsButton.click()
        done()
        assert weights_store.find(NAME).read_bytes() == CONTENT
        assert hub.asked == [("HEAD", ""), ("GET", f"bytes={kept}-")]

    def test_cancel_ends_it_within_two_seconds_and_leaves_nothing(self, ui, home, downloading, done):
        before = time.monotonic()
        ui.cancelDownloadButton.click()
        done()
        assert time.monotonic() - before < 2
        assert workers() == []
        assert files_under(home) == ["licences.json"]
        assert ui.weightsStateLabel.text == "Not on this computer."
        assert ui.downloadWeightsButton.text == "Download"

    def test_the_window_stays_alive(self, ui, downloading, slicer_scene, module_widget, hub):
        longest = 0.0
        while module_widget.modelsTab.busy:
            before = time.monotonic()
            slicer_scene.process_events()
            longest = max(longest, time.monotonic() - before)
        assert longest < 1  # that nothing waits for the worker; how long it takes is no matter of a test

    def test_a_broken_off_one_says_so_and_can_be_resumed(self, ui, agreed, hub, done):
        hub.length, hub.sends = len(CONTENT), CONTENT[: 1 << 17]
        ui.downloadWeightsButton.click()
        done()
        message, remedy = ui.weightsMessageLabel.text.split("\n\n")
        assert "0.1 of 0.5 MiB are kept" in message
        assert "it goes on from there" in remedy
        assert not ui.copyWeightsLogButton.isHidden()
        assert ui.downloadWeightsButton.text == "Resume Download"

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ({"status": 401}, "unknown users (401)"),
            ({"status": 404}, "no such file (404)"),
            ({"status": 500}, "fault of its own (500)"),
            ({"sends": CONTENT[:-1] + b"x"}, "damaged or altered"),
            ({"length": 7}, "bytes are announced"),
        ],
    )
    def test_what_goes_wrong_is_told_with_a_remedy_and_leaves_nothing(self, ui, home, agreed, hub, done, fault, said):
        for name, value in fault.items():
            setattr(hub, name, value)
        ui.downloadWeightsButton.click()
        done()
        message, remedy = ui.weightsMessageLabel.text.split("\n\n")
        assert said in message
        assert remedy
        assert files_under(home) == ["licences.json"]
        assert ui.downloadWeightsButton.enabled

    def test_the_module_goes_away_meanwhile(self, module, downloading):
        module.unload()
        assert workers() == []
        assert weights_store.begun(NAME)


class TestFile:
    def test_other_weights_are_refused(self, ui, home, agreed, slicer_scene, done, tmp_path):
        (tmp_path / "downloaded.safetensors").write_bytes(b"no tensors")
        slicer_scene.dialogs.answer(str(tmp_path / "downloaded.safetensors"))
        ui.useWeightsFileButton.click()
        assert ui.pauseDownloadButton.isHidden()
        done()
        assert "is not a whole safetensors file" in ui.weightsMessageLabel.text
        assert files_under(home) == ["licences.json"]

    @pytest.mark.slow
    def test_the_right_ones_take_their_place(self, ui, hub, agreed, slicer_scene, done, tmp_path):
        from neosegdino import backbone
        from safetensors.torch import save_file

        state = backbone.build(NAME.architecture, 3, {}).half().state_dict()
        save_file(state, tmp_path / "downloaded.safetensors")
        slicer_scene.dialogs.answer(str(tmp_path / "downloaded.safetensors"))
        ui.useWeightsFileButton.click()
        done()
        assert weights_store.find(NAME)
        assert "Here since" in ui.weightsStateLabel.text
        assert hub.asked == []


class TestRemove:
    @pytest.mark.parametrize(("answer", "stays"), [("Cancel", True), ("Ok", False)])
    def test_asks_first(self, ui, agreed, slicer_scene, done, answer, stays):
        ui.downloadWeightsButton.click()
        done()
        slicer_scene.dialogs.answer(answer)
        ui.removeWeightsButton.click()
        done()
        assert weights_store.there(NAME) is stays
        assert ui.downloadWeightsButton.enabled is not stays

    @pytest.mark.parametrize("early", [True, False], ids=["before its record is read", "after it"])
    def test_weights_that_go_while_they_are_looked_at_are_not_there(
        self, ui, agreed, done, module_widget, monkeypatch, early
    ):
        ui.downloadWeightsButton.click()
        done()
        read = weights_store.read_record

        def read_while_another_removes(name):
            if early:
                weights_store.remove(name)
            record = read(name)
            weights_store.remove(name)
            return record

        monkeypatch.setattr(weights_store, "read_record", read_while_another_removes)
        module_widget.modelsTab.update()
        assert ui.weightsStateLabel.text == "Not on this computer."

    def test_damaged_weights_say_so_and_can_be_removed(self, ui, agreed, slicer_scene, done, module_widget):
        ui.downloadWeightsButton.click()
        done()
        (NAME.folder / "record.json").unlink()
        module_widget.modelsTab.update()
        assert "record.json is missing or damaged" in ui.weightsStateLabel.text
        slicer_scene.dialogs.answer("Ok")
        ui.removeWeightsButton.click()
        done()
        assert ui.weightsStateLabel.text == "Not on this computer."

    def test_a_paused_download_goes_too(self, ui, downloading, slicer_scene, done):
        ui.pauseDownloadButton.click()
        done()
        slicer_scene.dialogs.answer("Ok")
        ui.removeWeightsButton.click()
        done()
        assert weights_store.begun(NAME) == []
        assert ui.weightsStateLabel.text == "Not on this computer."
