"""Runs of the tab "Fine-tune" as a user works with it: real clicks, a real scene, real processes and kills."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest
import slicer
from module_samples.leaks import gone
from module_samples.plots import TABLE, nodes
from neosegdino.training.run_folder import RunFolder
from NeoSegDINOLib import detached, remembered_run


def names(ui) -> list[str]:
    return [ui.caseTable.item(row, 0).text() for row in range(ui.caseTable.rowCount)]


class TestRun:
    def test_from_start_to_use_this_model(self, ui, start, reached, tab, slicer_scene, module_widget, models):
        ui.nameEdit.text = "mine"
        start("works")
        assert ui.startButton.isHidden()
        assert ui.estimateLabel.isHidden()
        assert ui.casesCollapsibleButton.collapsed
        assert not ui.settingsWidget.enabled
        assert not ui.runFolderEdit.enabled
        assert re.match(r"Training, epoch [12] of 3, about 2 min left, best Dice 0.\d+", ui.runStageLabel.text)
        assert ui.casesLabel.text == "2 cases to train on, 1 to validate."
        reached("finished")
        assert ui.runProgressBar.value == 100
        assert "ready" in ui.runMessageLabel.text
        assert ui.copyRunLogButton.isHidden()
        ui.useModelButton.click()
        slicer_scene.wait_for(lambda: ui.tabWidget.currentIndex == 0)
        assert module_widget._parameterNode.bundle == "mine"
        assert ui.bundleComboBox.currentText == "Fine-tuned (1.0)"
        assert (models / "mine" / "bundle.json").is_file()

    @pytest.mark.parametrize(("answer", "replaced"), [("Cancel", False), ("Ok", True)])
    def test_a_model_of_that_name_is_replaced_only_with_a_yes(self, ui, start, models, slicer_scene, answer, replaced):
        ui.nameEdit.text = "other"
        start("works", "finished")
        slicer_scene.dialogs.answer(answer)
        ui.useModelButton.click()
        assert "'other' is installed already" in slicer_scene.dialogs.shown[-1].text
        if replaced:
            slicer_scene.wait_for(lambda: ui.tabWidget.currentIndex == 0)
        title = json.loads((models / "other" / "bundle.json").read_text())["title"]
        assert title == ("Fine-tuned" if replaced else "Another model")

    def test_pause_and_resume(self, ui, start, reached, fake_finetune):
        start("waits")
        assert ui.resumeButton.isHidden()
        ui.pauseButton.click()
        assert not ui.pauseButton.enabled
        assert ui.runStageLabel.text.startswith("Pausing after this step")
        reached("paused")
        assert ui.pauseButton.isHidden()
        assert ui.cancelRunButton.isHidden()
        fake_finetune("works")
        ui.resumeButton.click()
        assert ui.runStageLabel.text == "Starting"
        reached("finished")

    def test_cancel_ends_a_deaf_worker_and_can_be_taken_back(
        self, ui, start, reached, tab, fake_finetune, slicer_scene
    ):
        start("deaf")
        pids = [tab.run.status.pid, int((tab.run.folder / "child.txt").read_text())]
        before = time.monotonic()
        ui.cancelRunButton.click()
        assert not ui.cancelRunButton.enabled
        slicer_scene.wait_for(lambda: tab.run.state == "cancelled" and all(gone(pid) for pid in pids))
        assert time.monotonic() - before < 2.5
        assert ui.runMessageFrame.isHidden()
        fake_finetune("works")
        ui.resumeButton.click()
        reached("finished")

    def test_a_killed_worker(self, ui, start, reached, tab):
        start("waits")
        os.kill(tab.run.status.pid, signal.SIGKILL)
        reached("interrupted")
        assert "Resume goes on from the last checkpoint" in ui.runMessageLabel.text
        assert not ui.resumeButton.isHidden()

    def test_a_failed_run_says_why_and_its_log_copies(self, ui, start, fake_finetune, reached):
        start("fails", "failed")
        assert ui.runMessageLabel.text == "The loss is not a number.\n\nLower the learning rate."
        ui.copyRunLogButton.click()
        assert "Traceback: the loss is not a number" in slicer.app.clipboard().text()
        fake_finetune("works")
        ui.resumeButton.click()
        assert ui.runMessageFrame.isHidden()
        reached("finished")

    def test_a_worker_that_refuses_gives_the_form_back(self, ui, start, fake_finetune, reached):
        start("refuses", "failed")
        assert "Case a is bad." in ui.runMessageLabel.text
        assert not ui.startButton.isHidden()
        assert ui.settingsWidget.enabled
        assert names(ui) == ["a", "b", "c"]
        fake_finetune("works")
        ui.startButton.click()
        reached("finished")

    def test_no_second_run_while_one_is_at_work(self, ui, start, tab, folder, tmp_path):
        start("waits")
        run, workers = tab.run, len(detached._started)
        ui.startButton.click()
        tab.on_start()
        assert tab.run is run
        assert len(detached._started) == workers

    def test_a_folder_that_has_a_run_takes_no_second(self, ui, start, add_files, reached, tmp_path, fake_finetune):
        start("works", "finished")
        ui.runFolderEdit.currentPath = str(tmp_path / "second")
        assert not ui.startButton.isHidden()
        assert names(ui) == ["a", "b", "c"]
        assert ui.startButton.enabled, ui.startButton.toolTip
        assert ui.runWidget.isHidden()
        assert ui.useModelButton.isHidden()
        ui.startButton.click()
        reached("finished")
        assert len(RunFolder(tmp_path / "second").read_plan().training) == 2

    def test_the_last_run_comes_back_with_its_folder(self, ui, start, folder, tmp_path):
        start("works", "finished")
        ui.runFolderEdit.currentPath = str(tmp_path / "second")
        ui.runFolderEdit.currentPath = str(folder)
        assert ui.startButton.isHidden()
        assert not ui.useModelButton.isHidden()


class TestFoundAgain:
    def test_when_the_panel_is_made_anew(self, start, module, reached, tab, slicer_scene):
        start("waits")
        pid = tab.run.status.pid
        module.unload()
        assert not gone(pid)
        representation = module.widgetRepresentation()
        representation.enter()
        widget = representation.self()
        assert widget.finetuneTab.run.state == "training"
        assert widget.finetuneTab.run.status.pid == pid
        assert names(widget.ui) == ["b", "c", "a"]
        widget.ui.cancelRunButton.click()
        slicer_scene.wait_for(lambda: widget.finetuneTab.run.state == "cancelled")

    def test_when_another_module_was_open(self, start, module, ui, tab, reached):
        start("works")
        module.widgetRepresentation().exit()
        reached("finished")
        module.widgetRepresentation().enter()
        assert not ui.useModelButton.isHidden()

    def test_when_the_scene_was_closed(self, start, ui, tab, slicer_scene, reached, folder):
        start("waits")
        ui.showLookCheckBox.click()
        ui.showCurvesButton.click()
        slicer_scene.wait_for(lambda: nodes("vtkMRMLSegmentationNode"))
        run, pid = tab.run, tab.run.status.pid
        slicer.mrmlScene.Clear(0)
        assert not gone(pid)
        assert tab.run is run
        assert ui.runFolderEdit.currentPath == str(folder)
        assert not ui.showLookCheckBox.checked
        epoch = run.status.epoch
        slicer_scene.wait_for(lambda: run.status.epoch == 3 or run.status.epoch > epoch)
        assert nodes(TABLE) == []
        assert nodes("vtkMRMLSegmentationNode") == []
        ui.cancelRunButton.click()
        reached("cancelled")

    def test_when_a_scene_names_another_folder(self, start, ui, tab, tmp_path, module_widget, folder):
        path = str(tmp_path / "scene.mrb")
        module_widget._parameterNode.finetuneFolder = str(tmp_path / "elsewhere")
        assert slicer.util.saveScene(path)
        start("waits")
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(path)
        module_widget.enter()
        assert ui.runFolderEdit.currentPath == str(folder)
        assert tab.run.state == "training"

    def test_a_model_that_is_used_is_remembered_no_more(self, start, ui, slicer_scene):
        start("works", "finished")
        ui.useModelButton.click()
        slicer_scene.wait_for(lambda: ui.tabWidget.currentIndex == 0)
        assert remembered_run.remembered() is None
