"""The tab "Fine-tune" as a user works with it: real clicks, a real scene, real processes and kills."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
import pytest
import qt
import slicer
from module_samples.heads import add_head, save_head, save_table
from module_samples.volumes import scene_contents
from neosegdino.training.run_folder import RunFolder
from neosegdino.training.settings import FinetuneSettings
from NeoSegDINOLib import detached, process, remembered_run

TABLE = "vtkMRMLTableNode"
SERIES = "vtkMRMLPlotSeriesNode"
CHART = "vtkMRMLPlotChartNode"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Folder of a run; it is not there yet."""
    return tmp_path / "L\u00e4ufe des Jahres" / "run 1"


@pytest.fixture
def ui(models, runs, jobs, module_widget):
    ui = module_widget.ui
    ui.tabWidget.currentIndex = 1
    ui.fromSceneGroupBox.collapsed = ui.fromFilesGroupBox.collapsed = False
    return ui


@pytest.fixture
def tab(ui, module_widget):
    return module_widget.finetuneTab


@pytest.fixture
def checked(slicer_scene, tab):
    """Wait until all cases are checked."""
    return lambda: slicer_scene.wait_for(lambda: not tab.checking)


@pytest.fixture
def add_files(ui, tab, checked, folder, fake_finetune, tmp_path):
    """Add a head for each letter from a table; some of them bad."""
    fake_finetune("waits")

    def add(names: str, bad: str = "") -> None:
        ui.runFolderEdit.currentPath = str(folder)
        ui.sourceEdit.currentPath = str(save_table(tmp_path / "Daten f\u00fcr alle", names, bad))
        ui.addFilesButton.click()
        checked()

    return add


@pytest.fixture
def reached(slicer_scene, tab):
    """Wait until the run is in a state (training: until an epoch is done)."""

    def wait(state: str) -> None:
        def there() -> bool:
            run = tab.run
            return run is not None and run.state == state and (state != "training" or bool(run.status.epoch))

        slicer_scene.wait_for(there)

    return wait


@pytest.fixture
def start(add_files, ui, fake_finetune, reached):
    """Start a run of three cases and wait until it is in a state."""

    def click(how: str, state: str = "training") -> None:
        add_files("abc")
        fake_finetune(how)
        ui.startButton.click()
        reached(state)

    return click


def names(ui) -> list[str]:
    return [ui.caseTable.item(row, 0).text() for row in range(ui.caseTable.rowCount)]


def nodes(kind: str) -> list:
    return slicer.util.getNodesByClass(kind)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestSettings:
    def test_defaults_are_those_of_the_package(self, ui, tab):
        assert tab._settings.settings() == FinetuneSettings()

    def test_what_the_panel_shows_is_what_the_worker_gets(self, ui, start, tab, module_widget):
        ui.nameEdit.text = "mine-2"
        ui.epochsSpinBox.value = 7
        ui.viewsSpinBox.value = 0
        ui.validationSpinBox.value = 0.35
        ui.finetuneWindowsComboBox.currentIndex = 1
        ui.countsEdit.text = "2 x 1 x 1"
        ui.armsComboBox.currentIndex = 1
        ui.rateSpinBox.value = 0.001
        ui.patienceSpinBox.value = 3
        ui.seedSpinBox.value = 5
        ui.scratchCheckBox.checked = True
        ui.finetuneDeviceComboBox.currentIndex = 1
        ui.baseComboBox.currentIndex = 1
        start("waits")
        for option in (
            "--name mine-2",
            "--epochs 7",
            "--views 0",
            "--validation 0.35",
            "--windows all",
            "--counts 2,1,1",
            "--arms per-window",
            "--rate 0.001",
            "--patience 3",
            "--seed 5",
            "--from-scratch",
            "--device cpu",
            "--bundle other",
        ):
            assert option in tab.run.log

    @pytest.mark.parametrize(
        ("windows", "counts", "arms", "name", "word"),
        [
            (0, "", 0, "My Model", "small letters"),
            (1, "2 2", 0, "mine", "three numbers"),
            (1, "", 1, "mine", "fixed number of windows"),
        ],
    )
    def test_what_cannot_be_is_said_at_the_button(self, ui, add_files, windows, counts, arms, name, word):
        add_files("ab")
        assert ui.startButton.enabled
        ui.finetuneWindowsComboBox.currentIndex, ui.armsComboBox.currentIndex = windows, arms
        ui.countsEdit.text, ui.nameEdit.text = counts, name
        assert not ui.startButton.enabled
        assert word in ui.startButton.toolTip

    def test_settings_come_back_with_the_scene(self, ui, module_widget, tmp_path):
        ui.epochsSpinBox.value = 9
        ui.rateSpinBox.value = 0.002
        ui.showLookCheckBox.checked = True
        path = str(tmp_path / "scene.mrb")
        assert slicer.util.saveScene(path)
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(path)
        module_widget.enter()
        assert (ui.epochsSpinBox.value, ui.rateSpinBox.value, ui.showLookCheckBox.checked) == (9, 0.002, True)


class TestCases:
    def test_without_a_folder_nothing_can_be_added(self, ui, tmp_path):
        ui.sourceEdit.currentPath = str(tmp_path)
        assert not ui.addFilesButton.enabled
        assert "folder of the run" in ui.addFilesButton.toolTip
        assert "folder of the run" in ui.startButton.toolTip
        assert "folder of the run" in ui.estimateLabel.text

    def test_a_table_of_files_with_a_bad_one(self, ui, add_files, folder):
        add_files("abc", bad="b")
        assert names(ui) == ["a", "b", "c"]
        assert ui.caseTable.item(0, 1).text().endswith("2 mm")
        assert float(ui.caseTable.item(0, 2).text()) == pytest.approx(2.1, abs=0.2)
        tip = ui.caseTable.item(1, 0).toolTip()
        assert "left" in tip.lower()
        assert "1 of 3 cases cannot be used" in ui.casesLabel.text
        assert not ui.startButton.enabled
        assert ui.sourceEdit.currentPath == ""

    def test_bad_cases_are_left_out_only_on_request(self, ui, add_files, reached, tab):
        add_files("abc", bad="b")
        ui.leaveOutBadCheckBox.click()
        assert "2 of 3 cases; 1 bad left out" in ui.casesLabel.text
        assert ui.startButton.enabled
        ui.startButton.click()
        reached("training")
        assert "--leave-out-bad" in tab.run.log

    def test_bad_cases_can_be_removed(self, ui, add_files, checked, folder):
        add_files("abc", bad="b")
        assert not ui.removeCasesButton.enabled
        ui.caseTable.selectRow(1)
        ui.removeCasesButton.click()
        checked()
        assert names(ui) == ["a", "c"]
        assert ui.startButton.enabled
        assert ui.leaveOutBadCheckBox.isHidden()
        assert "b_labels" not in (folder / "cases" / "cases.csv").read_text(encoding="utf-8")

    def test_files_of_the_user_stay_when_their_case_is_removed(self, ui, add_files, checked, tmp_path):
        add_files("a")
        ui.caseTable.selectRow(0)
        ui.removeCasesButton.click()
        checked()
        assert names(ui) == []
        assert (tmp_path / "Daten f\u00fcr alle" / "a.nii.gz").is_file()

    def test_a_folder_of_pairs_with_values_of_its_own(
        self, ui, tab, checked, folder, fake_finetune, tmp_path, slicer_scene
    ):
        fake_finetune("waits")
        for name in "ab":
            image, labels = save_head(tmp_path / "in", name)
            voxels = np.asarray(nib.load(labels).dataobj) * 7
            nib.save(nib.Nifti1Image(voxels.astype(np.uint8), nib.load(image).affine), labels)
        ui.runFolderEdit.currentPath = str(folder)
        slicer_scene.dialogs.answer(str(tmp_path / "in"))
        ui.browseFolderButton.click()
        ui.imagesEdit.text, ui.labelsEdit.text = "{case}.nii.gz", "{case}_labels.nii.gz"
        ui.leftValuesEdit.text, ui.rightValuesEdit.text = "7", "x"
        assert "whole numbers" in ui.addFilesButton.toolTip
        ui.rightValuesEdit.text = "14, 15"
        ui.addFilesButton.click()
        checked()
        assert {"a", "b"} <= set(names(ui))
        assert {case.right for case in tab._cases.cases} == {(14, 15)}

    def test_a_source_that_is_none_says_so_and_changes_nothing(self, ui, add_files, checked, tmp_path):
        add_files("ab")
        ui.sourceEdit.currentPath = str(tmp_path / "nowhere.csv")
        ui.addFilesButton.click()
        checked()
        assert "nowhere.csv" in ui.runMessageLabel.text
        assert names(ui) == ["a", "b"]
        assert ui.startButton.enabled

    def test_a_check_that_dies_leaves_the_folder_as_it_was(self, ui, add_files, checked, folder, monkeypatch, tmp_path):
        add_files("ab")
        table = folder / "cases" / "cases.csv"
        before = table.read_bytes()
        monkeypatch.setattr(process, "worker_program", lambda: [os.sys.executable, "-c", "raise SystemExit('broken')"])
        ui.sourceEdit.currentPath = str(save_table(tmp_path / "more", "x"))
        ui.addFilesButton.click()
        checked()
        assert "broken" in ui.runMessageLabel.text
        assert names(ui) == ["a", "b"]
        assert table.read_bytes() == before

    def test_pairs_of_the_scene(self, ui, tab, checked, folder, fake_finetune):
        fake_finetune("waits")
        ui.runFolderEdit.currentPath = str(folder)
        before = set(scene_contents())
        for seed, name in enumerate(("baby eins", "baby zwei")):
            volume, truth = add_head(name, seed=seed)
            ui.pairVolumeSelector.setCurrentNode(volume)
            assert not ui.addPairButton.enabled
            ui.pairLabelsSelector.setCurrentNode(truth)
            assert (ui.leftComboBox.currentText, ui.rightComboBox.currentText) == (
                "Left hippocampus",
                "Right hippocampus",
            )
            assert ui.subjectEdit.text == name
            ui.addPairButton.click()
            checked()
            assert ui.pairVolumeSelector.currentNode() is None
        assert names(ui) == ["baby_eins", "baby_zwei"]
        assert [case.subject for case in tab._cases.cases] == ["baby eins", "baby zwei"]
        written = sorted(path.name for path in (folder / "cases").iterdir())
        assert written == [
            "baby_eins.nii.gz",
            "baby_eins_labels.nii.gz",
            "baby_zwei.nii.gz",
            "baby_zwei_labels.nii.gz",
            "cases.csv",
        ]
        assert ui.startButton.enabled, ui.startButton.toolTip
        assert len(set(scene_contents()) - before) <= 4 * 4  # the heads alone

    def test_a_copy_goes_with_its_case(self, ui, checked, folder, fake_finetune):
        fake_finetune("waits")
        ui.runFolderEdit.currentPath = str(folder)
        volume, truth = add_head("baby")
        ui.pairVolumeSelector.setCurrentNode(volume)
        ui.pairLabelsSelector.setCurrentNode(truth)
        ui.addPairButton.click()
        checked()
        ui.caseTable.selectRow(0)
        ui.removeCasesButton.click()
        checked()
        assert list((folder / "cases").iterdir()) == []

    def test_sides_chosen_wrongly_are_told(self, ui, checked, folder, fake_finetune):
        fake_finetune("waits")
        ui.runFolderEdit.currentPath = str(folder)
        volume, truth = add_head("baby")
        ui.pairVolumeSelector.setCurrentNode(volume)
        ui.pairLabelsSelector.setCurrentNode(truth)
        ui.leftComboBox.currentIndex = 2
        assert "same label" in ui.addPairButton.toolTip
        ui.rightComboBox.currentIndex = 1
        ui.addPairButton.click()
        checked()
        assert "cannot be used" in ui.casesLabel.text
        assert "swap" in ui.caseTable.item(0, 0).toolTip().lower() or "right" in ui.caseTable.item(0, 0).toolTip()

    def test_a_volume_that_cannot_be_exported_leaves_scene_and_folder_alone(self, ui, folder, fake_finetune):
        fake_finetune("waits")
        ui.runFolderEdit.currentPath = str(folder)
        volume, truth = add_head("baby")
        ui.pairVolumeSelector.setCurrentNode(volume)
        ui.pairLabelsSelector.setCurrentNode(truth)
        truth.SetAndObserveTransformNodeID(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode").GetID())
        before = set(scene_contents())
        ui.addPairButton.click()
        assert "transform" in ui.runMessageLabel.text
        assert set(scene_contents()) == before
        assert not folder.exists()

    def test_cases_come_back_with_their_folder(self, ui, add_files, checked, module, slicer_scene, folder):
        add_files("ab")
        module.unload()
        representation = module.widgetRepresentation()
        representation.enter()
        widget = representation.self()
        assert names(widget.ui) == []
        widget.ui.runFolderEdit.currentPath = str(folder)
        slicer_scene.wait_for(lambda: not widget.finetuneTab.checking)
        assert names(widget.ui) == ["a", "b"]

    def test_the_window_is_never_blocked_by_a_check(self, ui, add_files, tab, slicer_scene, tmp_path):
        add_files("ab")
        ui.sourceEdit.currentPath = str(save_table(tmp_path / "more", "xyz"))
        pauses = [timed(ui.addFilesButton.click)]
        while tab.checking:
            pauses.append(timed(slicer_scene.process_events))
        assert max(pauses) < 0.5
        assert len(pauses) > 20


def test_the_estimate_is_one_line_before_the_start(ui, add_files, slicer_scene):
    add_files("abc")
    assert ui.estimateLabel.text.startswith("Estimating")
    slicer_scene.wait_for(lambda: ui.estimateLabel.text.startswith("About"))
    assert ui.estimateLabel.text == (
        "About 12 min, 3.1 GiB of memory, 0.4 GiB on disk; 2 cases to train on, 1 to validate (CPU)."
    )
    ui.epochsSpinBox.value = 3
    assert ui.estimateLabel.text.startswith("Estimating")


def test_no_estimate_is_made_while_the_other_tab_is_open(ui, add_files):
    ui.tabWidget.currentIndex = 0
    add_files("ab")
    assert ui.estimateLabel.isHidden()
    ui.tabWidget.currentIndex = 1
    assert not ui.estimateLabel.isHidden()


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


class TestCurves:
    def test_curves_grow_in_place_and_are_there_once(self, ui, start, reached, fake_finetune, slicer_scene):
        start("works")
        assert nodes(TABLE) == []
        ui.showCurvesButton.click()
        (table,), (chart,) = nodes(TABLE), nodes(CHART)
        reached("finished")
        slicer_scene.wait_for(lambda: table.GetNumberOfRows() == 3)
        left = slicer.util.arrayFromTableColumn(table, "dice_left")
        np.testing.assert_allclose(left, [0.2, 0.4, 0.6])
        series = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
        assert [one.GetYColumnName() for one in series] == ["loss", "validation_loss", "dice_left", "dice_right"]
        assert {one.GetTableNode() for one in series} == {table}
        ui.showCurvesButton.click()
        assert [len(nodes(kind)) for kind in (TABLE, SERIES, CHART)] == [1, 4, 1]

    def test_the_chart_is_shown(self, ui, start):
        start("waits")
        ui.showCurvesButton.click()
        selection = slicer.app.applicationLogic().GetSelectionNode()
        assert selection.GetActivePlotChartID() == nodes(CHART)[0].GetID()

    def test_a_resumed_run_has_no_second_curves(self, ui, start, reached, fake_finetune, slicer_scene):
        start("waits")
        ui.showCurvesButton.click()
        ui.pauseButton.click()
        reached("paused")
        fake_finetune("works")
        ui.resumeButton.click()
        reached("finished")
        (table,) = nodes(TABLE)
        assert table.GetNumberOfRows() == 3

    def test_removed_curves_do_not_come_back_by_themselves(self, ui, start, reached):
        start("works")
        ui.showCurvesButton.click()
        slicer.mrmlScene.RemoveNode(nodes(TABLE)[0])
        reached("finished")
        assert nodes(TABLE) == []


class TestLook:
    def look(self):
        found = [node for node in nodes("vtkMRMLSegmentationNode") if node.GetName() == "Fine-tuning look"]
        return found[0] if found else None

    def voxels(self, node) -> list[int]:
        volume = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        segmentation = node.GetSegmentation()
        identifiers = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
        return [int(slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume).sum()) for name in identifiers]

    def test_nothing_is_shown_unless_asked_for(self, ui, start):
        before = None
        start("works", "finished")
        assert self.look() is before

    def test_the_look_follows_the_epochs_in_place(self, ui, start, slicer_scene):
        ui.showLookCheckBox.checked = True
        start("works")
        slicer_scene.wait_for(self.look)
        node = self.look()
        slicer_scene.wait_for(lambda: self.voxels(node) == [3, 3])
        assert len(nodes("vtkMRMLSegmentationNode")) == 1
        assert len([n for n in nodes("vtkMRMLScalarVolumeNode") if n.GetName() == "Fine-tuning look"]) == 1
        volume = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Fine-tuning look")
        logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
        assert logic.GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
        left = node.GetSegmentation().GetNthSegment(0)
        assert left.GetName() == "Left hippocampus"
        assert node.GetSegmentCenterRAS(node.GetSegmentation().GetNthSegmentID(0))[0] == pytest.approx(-12, abs=1)

    def test_the_look_can_be_asked_for_later(self, ui, start, slicer_scene):
        start("works", "finished")
        ui.showLookCheckBox.click()
        slicer_scene.wait_for(self.look)


class TestClosing:
    """What the main window's stand-in can show: that the close event is held back or not."""

    def test_without_a_run_nobody_asks(self, ui, slicer_scene):
        assert slicer_scene.window.close()
        assert slicer_scene.dialogs.shown == []

    def test_not_closing(self, start, slicer_scene, tab):
        start("waits")
        slicer_scene.dialogs.answer("Cancel")
        assert not slicer_scene.window.close()
        assert "at work" in slicer_scene.dialogs.shown[-1].text
        assert tab.run.state == "training"

    def test_keeping_it_running(self, start, slicer_scene, tab):
        start("waits")
        slicer_scene.dialogs.answer("Yes")
        assert slicer_scene.window.close()
        assert tab.run.state == "training"
        assert not tab.run.files.request_file.exists()

    def test_pausing(self, start, slicer_scene, tab, reached):
        start("waits")
        slicer_scene.dialogs.answer("No")
        assert slicer_scene.window.close()
        reached("paused")

    def test_an_ended_run_is_not_asked_about(self, start, slicer_scene):
        start("works", "finished")
        assert slicer_scene.window.close()

    def test_a_worker_that_died_a_moment_ago_is_not_asked_about(self, start, slicer_scene, tab):
        start("waits")
        os.kill(tab.run.status.pid, signal.SIGKILL)
        slicer_scene.wait_for(lambda: gone(tab.run.status.pid))
        assert slicer_scene.window.close()

    def test_the_panel_is_gone(self, start, module, slicer_scene):
        start("waits")
        module.unload()
        assert slicer_scene.window.close()


def timed(work) -> float:
    """Seconds that a call took."""
    before = time.monotonic()
    work()
    return time.monotonic() - before


def test_event_filter_needs_qts_own_manners():
    """The filter is a QObject, as in Slicer's own modules."""
    from NeoSegDINOLib.close_guard import CloseFilter

    assert issubclass(CloseFilter, qt.QObject)
