"""The banner above the tabs: what is missing is said in one sentence, and one button mends it."""

from __future__ import annotations

import json
import time

import pytest
import slicer
from module_samples.leaks import soon_gone
from module_samples.volumes import add_volume
from NeoSegDINOLib import readiness
from NeoSegDINOLib.pip_installation import PipInstallation


@pytest.fixture
def opened(models, jobs, module):
    """Open the panel, as it is now, and return the Python widget."""

    def open_panel():
        representation = module.widgetRepresentation()
        representation.enter()
        return representation.self()

    return open_panel


@pytest.fixture
def installing(opened, fake_pip, lacking, slicer_scene):
    """Click the banner's button with a stand-in for pip; returns form, file of pip's calls and the lacking names."""

    def click(how):
        calls, gone = fake_pip(how), lacking("nibabel", "timm")
        ui = opened().ui
        slicer_scene.dialogs.answer("Ok")
        ui.mendButton.click()
        return ui, calls, gone

    return click


def ended(slicer_scene):
    slicer_scene.wait_for(lambda: PipInstallation.current is None)


def test_nothing_missing_shows_no_banner(opened):
    assert opened().ui.firstRunFrame.isHidden()


def test_missing_packages_are_named_and_the_panel_works_on(opened, lacking):
    lacking("nibabel", "timm")
    ui = opened().ui
    assert not ui.firstRunFrame.isHidden()
    assert ui.firstRunLabel.text == "Python packages are not installed yet: nibabel, timm."
    assert ui.mendButton.text == "Install Packages\u2026"
    assert ui.firstRunProgressBar.isHidden()
    assert ui.cancelInstallButton.isHidden()
    assert ui.copyInstallLogButton.isHidden()
    add_volume()
    assert ui.segmentButton.enabled


def test_many_packages_are_counted(opened, lacking):
    lacking("nibabel", "timm", "safetensors", "msgspec", "click")
    assert opened().ui.firstRunLabel.text.startswith("5 Python packages are not installed yet, nibabel, safetensors,")


def test_without_the_extension_its_button_asks_slicer_to_install_it(opened, lacking, slicer_scene):
    lacking("torch", "torchvision", "nibabel")
    slicer_scene.torch.remove()
    ui = opened().ui
    assert "extension 'PyTorch', which brings PyTorch, is not installed" in ui.firstRunLabel.text
    slicer_scene.dialogs.answer("No")
    ui.mendButton.click()
    assert ui.mendButton.text == "Install Extension\u2026"
    slicer_scene.dialogs.answer("Yes", "No")
    ui.mendButton.click()
    assert "Do you want to install 'PyTorch'" in slicer_scene.dialogs.shown[-2].text
    assert "will be there after a restart" in ui.firstRunLabel.text
    assert ui.mendButton.text == "Restart Slicer\u2026"
    before = slicer.app.restartCount()
    slicer_scene.dialogs.answer("Yes")
    ui.mendButton.click()
    assert slicer.app.restartCount() == before + 1


def test_an_unfit_torch_opens_the_module_that_uninstalls_it(opened, monkeypatch):
    real, opened_modules = readiness.installed_version, []
    from NeoSegDINOLib import install

    for module in (install, readiness):
        monkeypatch.setattr(module, "installed_version", lambda name: "1.13.1" if name == "torch" else real(name))
    monkeypatch.setattr(slicer.util, "selectModule", opened_modules.append)
    ui = opened().ui
    assert ui.firstRunLabel.text == "The installed PyTorch 1.13.1 does not fit; needed is torch<3,>=2.4."
    ui.mendButton.click()
    assert opened_modules == ["PyTorchUtils"]


def test_without_a_model_a_file_mends_it(opened, tiny_models, slicer_scene, tmp_path, monkeypatch):
    import shutil

    from neosegdino import bundle_store

    store = tmp_path / "store"
    monkeypatch.setattr(bundle_store, "search_folders", lambda: [store])
    widget = opened()
    ui = widget.ui
    assert ui.firstRunLabel.text.startswith("No model is installed")
    slicer_scene.dialogs.answer("")
    ui.mendButton.click()
    assert not ui.firstRunFrame.isHidden()
    archive = shutil.make_archive(str(tmp_path / "tiny"), "zip", tiny_models, "tiny")
    slicer_scene.dialogs.answer(archive)
    ui.mendButton.click()
    slicer_scene.wait_for(ui.firstRunFrame.isHidden)
    assert (store / "tiny" / "bundle.json").is_file()
    assert widget._parameterNode.bundle == "tiny"
    assert ui.bundleComboBox.currentIndex == 1


def test_a_file_that_is_no_model_is_told(opened, slicer_scene, tmp_path, monkeypatch):
    from neosegdino import bundle_store

    monkeypatch.setattr(bundle_store, "search_folders", lambda: [tmp_path / "store"])
    ui = opened().ui
    (tmp_path / "holiday.zip").write_bytes(b"no archive")
    slicer_scene.dialogs.answer(str(tmp_path / "holiday.zip"))
    ui.mendButton.click()
    slicer_scene.wait_for(lambda: "holiday.zip" in ui.firstRunLabel.text)
    assert ui.mendButton.text == "Install Model File\u2026"


def test_a_yes_installs_shows_progress_and_the_banner_goes(installing, slicer_scene):
    ui, calls, gone = installing("writes")
    assert not ui.firstRunProgressBar.isHidden()
    assert ui.mendButton.isHidden()
    slicer_scene.wait_for(lambda: not ui.cancelInstallButton.enabled)
    assert ui.firstRunLabel.text.startswith("Writing the packages")
    gone.clear()
    ended(slicer_scene)
    assert ui.firstRunFrame.isHidden()
    assert [json.loads(line)["given"][-1] for line in calls.read_text().splitlines()] == [
        "nibabel<6,>=5.2",
        "timm<2,>=1.0.20",
    ]


def test_the_window_lives_while_pip_works_and_cancel_ends_pip(installing, slicer_scene):
    ui, calls, _gone = installing("hangs")
    slicer_scene.wait_for(lambda: ui.firstRunProgressBar.value == 30)
    assert ui.firstRunLabel.text == "Downloading nibabel 5.4.2 (3.3 MB)"
    pauses = []
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        before = time.monotonic()
        slicer_scene.process_events()
        pauses.append(time.monotonic() - before)
    assert max(pauses) < 0.5
    (call,) = [json.loads(line) for line in calls.read_text().splitlines()]
    ui.cancelInstallButton.click()
    ended(slicer_scene)
    assert soon_gone(call["pid"])
    assert ui.firstRunLabel.text == "Cancelled. Nothing more was installed."
    assert ui.mendButton.text == "Install Packages\u2026"
    add_volume()
    assert ui.segmentButton.enabled


def test_what_is_being_written_is_not_cancelled(installing, slicer_scene):
    ui, calls, gone = installing("writes")
    slicer_scene.wait_for(lambda: PipInstallation.current.output.writing)
    gone.clear()
    ui.cancelInstallButton.enabled = True  # a click in the moment before it was disabled
    assert PipInstallation.current.cancel() is False
    slicer_scene.wait_for(lambda: len(calls.read_text().splitlines()) == 2)
    ended(slicer_scene)
    assert ui.firstRunFrame.isHidden()


def test_pips_failure_is_told_with_its_log(installing, slicer_scene):
    ui, _calls, _gone = installing("fails")
    ended(slicer_scene)
    assert "No matching distribution found for nibabel" in ui.firstRunLabel.text
    ui.copyInstallLogButton.click()
    assert "Collecting nibabel" in slicer.app.clipboard().text()
    assert not ui.mendButton.isHidden()


def test_declined_says_so_and_the_button_stays(opened, fake_pip, lacking, slicer_scene):
    calls = fake_pip("works")
    lacking("nibabel")
    ui = opened().ui
    slicer_scene.dialogs.answer("Cancel")
    ui.mendButton.click()
    assert "Nothing was installed" in ui.firstRunLabel.text
    assert not calls.exists()
    assert not ui.mendButton.isHidden()


def test_a_second_installation_is_refused(installing, slicer_scene):
    from neosegdino.errors import DependencyError
    from NeoSegDINOLib.install import ensure_packages

    ui, _calls, _gone = installing("hangs")
    with pytest.raises(DependencyError, match="are being installed"):
        ensure_packages()
    ui.cancelInstallButton.click()
    ended(slicer_scene)


def test_the_module_goes_away_in_mid_installation(installing, module, slicer_scene):
    ui, calls, _gone = installing("hangs")
    slicer_scene.wait_for(lambda: ui.firstRunProgressBar.value == 30)
    module.unload()
    assert PipInstallation.current is None
    assert soon_gone(json.loads(calls.read_text())["pid"])


def test_a_click_on_segment_shows_the_installation_in_the_banner(opened, fake_pip, lacking, fake_worker, slicer_scene):
    import qt

    fake_pip("writes")
    fake_worker("slow")
    gone = lacking("nibabel")
    widget = opened()
    ui, seen = widget.ui, []
    add_volume()

    def look():
        seen.append(ui.firstRunProgressBar.isHidden())
        gone.clear()

    qt.QTimer.singleShot(1000, look)
    slicer_scene.dialogs.answer("Ok")
    ui.segmentButton.click()
    assert seen == [False]
    slicer_scene.wait_for(lambda: widget.segmentTab.run is None)
    assert ui.outputSelector.currentNode() is not None
    assert ui.firstRunFrame.isHidden()
