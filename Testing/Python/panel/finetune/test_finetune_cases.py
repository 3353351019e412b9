"""Settings, cases and estimate of the tab "Fine-tune": real clicks, a real scene, real processes."""

from __future__ import annotations

import os
import time

import nibabel as nib
import numpy as np
import pytest
import slicer
from module_samples.heads import add_head, save_head, save_table
from module_samples.volumes import scene_contents
from neosegdino.training.settings import FinetuneSettings
from NeoSegDINOLib import process

TABLE = "vtkMRMLTableNode"
SERIES = "vtkMRMLPlotSeriesNode"
CHART = "vtkMRMLPlotChartNode"


def names(ui) -> list[str]:
    return [ui.caseTable.item(row, 0).text() for row in range(ui.caseTable.rowCount)]


def timed(work) -> float:
    """Seconds that a call took."""
    before = time.monotonic()
    work()
    return time.monotonic() - before


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
