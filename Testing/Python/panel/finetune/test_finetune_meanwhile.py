"""What happens in the window while a click of the tab "Fine-tune" waits for packages, or a model is being copied."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import slicer
from module_samples.heads import add_head, save_table
from NeoSegDINOLib.pip_installation import PipInstallation


def names(ui) -> list[str]:
    return [ui.caseTable.item(row, 0).text() for row in range(ui.caseTable.rowCount)]


@pytest.fixture
def meanwhile(fake_pip, lacking, slicer_scene):
    """Let a package be missing, whose installation the next click waits for; something happens meanwhile."""

    def happens(event: Callable[[], object]) -> None:
        fake_pip("works")
        missing = lacking("monai")

        def watch(_installation: PipInstallation) -> None:
            PipInstallation.watchers.remove(watch)
            event()
            missing.clear()

        PipInstallation.watchers.append(watch)
        slicer_scene.dialogs.answer("Ok")

    return happens


@pytest.fixture
def other_module() -> Callable[[], None]:
    return lambda: slicer.util.selectModule("SegmentEditor")


@pytest.fixture
def other_folder(ui, tmp_path) -> Callable[[], None]:
    def choose() -> None:
        ui.runFolderEdit.currentPath = str(tmp_path / "other")

    return choose


def close_scene() -> None:
    slicer.mrmlScene.Clear(0)


class TestStart:
    def test_another_module_was_opened(self, ui, add_files, meanwhile, other_module, reached, tab, folder):
        add_files("abc")
        ui.nameEdit.text = "mine"
        meanwhile(other_module)
        ui.startButton.click()
        reached("training")
        assert tab.run.folder == folder
        assert "--name mine" in tab.run.log
        slicer.util.selectModule("NeoSegDINO")
        assert ui.startButton.isHidden()
        assert ui.runFolderEdit.currentPath == str(folder)

    @pytest.mark.parametrize("closed", [True, False])
    def test_scene_or_folder_is_another(self, ui, add_files, meanwhile, other_folder, tab, tmp_path, closed):
        add_files("abc")
        meanwhile(close_scene if closed else other_folder)
        ui.startButton.click()
        assert tab.run is None
        assert "another folder was chosen" in ui.runMessageLabel.text
        assert not list(tmp_path.rglob("log.txt"))
        assert ui.startButton.enabled is not closed

    def test_the_last_case_was_removed(self, ui, add_files, meanwhile, checked, tab, tmp_path):
        add_files("a")

        def remove() -> None:
            ui.caseTable.selectRow(0)
            ui.removeCasesButton.click()
            checked()

        meanwhile(remove)
        ui.startButton.click()
        assert tab.run is None
        assert "Add cases" in ui.runMessageLabel.text


class TestResume:
    @pytest.fixture
    def paused(self, start, ui, reached, fake_finetune):
        start("waits")
        ui.pauseButton.click()
        reached("paused")
        fake_finetune("works")

    def test_another_folder_was_chosen(self, ui, paused, meanwhile, other_folder, tab, folder, slicer_scene):
        meanwhile(other_folder)
        ui.resumeButton.click()
        assert "not resumed" in ui.runMessageLabel.text
        ui.runFolderEdit.currentPath = str(folder)
        assert tab.run.state == "paused"

    def test_another_module_was_opened(self, ui, paused, meanwhile, other_module, reached):
        meanwhile(other_module)
        ui.resumeButton.click()
        reached("finished")


class TestAdd:
    @pytest.fixture
    def pair(self, ui, folder, fake_finetune):
        """A pair that is chosen in the panel."""
        fake_finetune("waits")
        ui.runFolderEdit.currentPath = str(folder)
        volume, truth = add_head("baby")
        ui.pairVolumeSelector.setCurrentNode(volume)
        ui.pairLabelsSelector.setCurrentNode(truth)
        return volume, truth

    def test_the_scene_was_closed_before_the_pair_was_read(self, ui, pair, meanwhile, tab, folder):
        meanwhile(close_scene)
        ui.addPairButton.click()
        assert "Nothing was added" in ui.runMessageLabel.text
        assert not tab.checking
        assert not folder.exists()

    @pytest.mark.parametrize("which", [0, 1])
    def test_a_node_was_removed(self, ui, pair, meanwhile, folder, which):
        name = pair[which].GetName()
        meanwhile(lambda: slicer.mrmlScene.RemoveNode(pair[which]))
        ui.addPairButton.click()
        assert f"'{name}' has left the scene" in ui.runMessageLabel.text
        assert not folder.exists()

    def test_another_pair_was_chosen(self, ui, pair, meanwhile, checked):
        other, truth = add_head("other")

        def choose() -> None:
            ui.pairVolumeSelector.setCurrentNode(other)
            ui.pairLabelsSelector.setCurrentNode(truth)

        meanwhile(choose)
        ui.addPairButton.click()
        checked()
        assert names(ui) == ["baby"]

    def test_another_module_was_opened(self, ui, pair, meanwhile, other_module, checked, folder):
        meanwhile(other_module)
        ui.addPairButton.click()
        checked()
        assert (folder / "cases" / "baby.nii.gz").is_file()
        assert names(ui) == ["baby"]

    @pytest.mark.parametrize("button", ["addPairButton", "addFilesButton"])
    def test_another_folder_was_chosen(self, ui, pair, meanwhile, other_folder, tab, folder, tmp_path, button):
        ui.sourceEdit.currentPath = str(save_table(tmp_path / "data", "ab"))
        meanwhile(other_folder)
        getattr(ui, button).click()
        assert "another folder was chosen" in ui.runMessageLabel.text
        assert not tab.checking
        assert not folder.exists()
        assert not (tmp_path / "other").exists()

    def test_labels_that_change_as_the_module_is_closed(self, pair, module, slicer_scene):
        """Neither what has changed just before nor what changes later looks at widgets that are gone."""
        pair[1].GetSegmentation().GetNthSegment(0).SetName("before")
        module.unload()
        pair[1].GetSegmentation().GetNthSegment(0).SetName("after")
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            slicer_scene.process_events()
        assert slicer_scene.problems.take() == []


def test_a_model_is_chosen_although_another_module_was_opened(
    ui, start, slicer_scene, module_widget, models, other_module
):
    ui.nameEdit.text = "mine"
    start("works", "finished")
    ui.useModelButton.click()
    other_module()
    slicer_scene.wait_for(lambda: ui.tabWidget.currentIndex == 0)
    slicer.util.selectModule("NeoSegDINO")
    assert module_widget._parameterNode.bundle == "mine"
    assert ui.bundleComboBox.currentText == "Fine-tuned (1.0)"
