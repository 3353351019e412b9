"""Cases of the tab "Fine-tune" when another folder is chosen: whose table is shown, and whose files are deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from module_samples.heads import add_head, save_table
from neosegdino.training.run_folder import RunFolder
from NeoSegDINOLib import process
from NeoSegDINOLib.pip_installation import PipInstallation


def names(ui) -> list[str]:
    return [ui.caseTable.item(row, 0).text() for row in range(ui.caseTable.rowCount)]


def copies(folder: Path) -> list[str]:
    """Cases whose copies are in a run's folder."""
    return sorted(path.name.removesuffix("_labels.nii.gz") for path in (folder / "cases").glob("*_labels.nii.gz"))


@pytest.fixture
def add_pairs(ui, checked, folder, fake_finetune):
    """Add pairs of the scene to the run of the folder."""
    fake_finetune("waits")

    def add(*subjects: str) -> None:
        ui.runFolderEdit.currentPath = str(folder)
        for seed, name in enumerate(subjects):
            volume, truth = add_head(name, seed=seed)
            ui.pairVolumeSelector.setCurrentNode(volume)
            ui.pairLabelsSelector.setCurrentNode(truth)
            ui.addPairButton.click()
            checked()

    return add


@pytest.fixture
def remove(ui, checked):
    """Remove the case of a row."""

    def click(row: int) -> None:
        ui.caseTable.selectRow(row)
        ui.removeCasesButton.click()
        checked()

    return click


@pytest.fixture
def prepared(tmp_path) -> Path:
    """Folder of a run that was prepared earlier with the cases x and y, and not started."""
    folder = tmp_path / "run1"
    save_table(folder / "cases", "xy")
    return folder


class TestRemove:
    def test_a_paused_run_keeps_its_files_when_the_next_one_is_prepared(
        self, ui, tab, add_pairs, remove, reached, folder, tmp_path
    ):
        add_pairs("eins", "zwei")
        ui.startButton.click()
        reached("training")
        ui.pauseButton.click()
        reached("paused")
        ui.runFolderEdit.currentPath = str(tmp_path / "next")
        remove(0)
        assert names(ui) == ["zwei"]
        plan = RunFolder(folder).read_plan()
        for planned in (*plan.training, *plan.validation):
            assert Path(planned.case.image).is_file()
            assert Path(planned.case.labels).is_file()

    def test_files_stay_that_a_run_in_another_folder_needs(
        self, ui, add_pairs, remove, checked, reached, folder, tmp_path
    ):
        add_pairs("eins", "zwei")
        ui.runFolderEdit.currentPath = str(tmp_path / "next")
        ui.startButton.click()
        reached("training")
        ui.pauseButton.click()
        reached("paused")
        ui.runFolderEdit.currentPath = str(folder)
        checked()
        remove(0)
        assert names(ui) == ["zwei"]
        assert copies(folder) == ["eins", "zwei"]

    def test_a_check_that_dies_gives_the_case_back(self, ui, add_pairs, remove, folder, monkeypatch):
        add_pairs("eins", "zwei")
        table = folder / "cases" / "cases.csv"
        before = table.read_bytes()
        with monkeypatch.context() as patched:
            dead = [os.sys.executable, "-c", "raise SystemExit('broken')"]
            patched.setattr(process, "worker_program", lambda: dead)
            remove(0)
        assert "broken" in ui.runMessageLabel.text
        assert names(ui) == ["eins", "zwei"]
        assert table.read_bytes() == before
        assert copies(folder) == ["eins", "zwei"]
        assert ui.startButton.enabled
        remove(0)
        assert names(ui) == ["zwei"]
        assert copies(folder) == ["zwei"]


class TestAnotherFolder:
    def test_a_folder_with_a_table_shows_its_own_cases(self, ui, add_files, checked, remove, folder, prepared):
        add_files("abc")
        table = prepared / "cases" / "cases.csv"
        before = table.read_bytes()
        ui.runFolderEdit.currentPath = str(prepared)
        assert not ui.startButton.enabled
        assert not ui.addFilesButton.enabled
        checked()
        assert names(ui) == ["x", "y"]
        assert ui.startButton.enabled
        assert table.read_bytes() == before
        remove(0)
        assert "x_labels" not in table.read_text(encoding="utf-8")
        assert "y_labels" in table.read_text(encoding="utf-8")
        ui.runFolderEdit.currentPath = str(folder)
        checked()
        assert names(ui) == ["a", "b", "c"]

    def test_a_folder_without_a_table_takes_the_cases_over(self, ui, tab, add_files, tmp_path):
        add_files("abc")
        ui.runFolderEdit.currentPath = str(tmp_path / "next")
        assert names(ui) == ["a", "b", "c"]
        assert not tab.checking
        assert ui.startButton.enabled

    @pytest.mark.parametrize("listed", ["", "abc"])
    def test_a_path_that_is_typed_through_a_prepared_folder(
        self, ui, tab, add_files, fake_finetune, slicer_scene, tmp_path, prepared, listed
    ):
        fake_finetune("waits")
        if listed:
            add_files(listed)
        line = ui.runFolderEdit._line
        line.clear()
        for letter in str(tmp_path / "run10"):
            assert ui.runFolderEdit.enabled
            line.insert(letter)
            slicer_scene.process_events()
        assert ui.runFolderEdit.currentPath == str(tmp_path / "run10")
        assert names(ui) == list(listed)
        assert not tab.checking

    def test_a_pause_in_typing_costs_no_letter(self, ui, tab, checked, slicer_scene, fake_finetune, tmp_path, prepared):
        fake_finetune("waits")
        ui.runFolderEdit.currentPath = str(prepared)
        slicer_scene.wait_for(lambda: tab._cases._job is not None)
        assert ui.runFolderEdit.enabled
        ui.runFolderEdit._line.insert("0")
        checked()
        assert names(ui) == []
        assert not (tmp_path / "run10").exists()
        assert "x_labels" in (prepared / "cases" / "cases.csv").read_text(encoding="utf-8")

    def test_a_path_through_a_run_loses_no_cases(self, ui, start, module, slicer_scene, folder, tmp_path, prepared):
        start("works", "finished")
        module.unload()
        representation = module.widgetRepresentation()
        representation.enter()
        widget = representation.self()
        widget.ui.runFolderEdit.currentPath = str(prepared)
        slicer_scene.wait_for(lambda: not widget.finetuneTab.checking)
        widget.ui.runFolderEdit.currentPath = str(folder)
        assert names(widget.ui) == ["b", "c", "a"]
        widget.ui.runFolderEdit.currentPath = str(tmp_path / "next")
        assert names(widget.ui) == ["x", "y"]

    def test_a_table_that_cannot_be_read_is_not_overwritten(self, ui, add_files, checked, tmp_path, prepared):
        add_files("abc")
        table = prepared / "cases" / "cases.csv"
        table.write_text("image,labels\n,\n", encoding="utf-8")
        ui.runFolderEdit.currentPath = str(prepared)
        checked()
        assert "cases.csv" in ui.runMessageLabel.text
        assert names(ui) == []
        assert not ui.startButton.enabled
        ui.sourceEdit.currentPath = str(tmp_path / "Daten f\u00fcr alle" / "cases.csv")
        ui.addFilesButton.click()
        checked()
        assert table.read_text(encoding="utf-8") == "image,labels\n,\n"

    def test_cases_from_before_the_packages_came(
        self, ui, checked, fake_finetune, fake_pip, lacking, slicer_scene, tmp_path, prepared
    ):
        """The click that installs them adds to the folder's table, which could not be shown."""
        fake_finetune("waits")
        fake_pip("works")
        gone = lacking("timm")
        ui.runFolderEdit.currentPath = str(prepared)
        checked()
        assert names(ui) == []
        assert ui.runMessageFrame.isHidden()

        def come(_installation: PipInstallation) -> None:
            PipInstallation.watchers.remove(come)
            gone.clear()

        PipInstallation.watchers.append(come)
        slicer_scene.dialogs.answer("Ok")
        ui.sourceEdit.currentPath = str(save_table(tmp_path / "more", "z"))
        ui.addFilesButton.click()
        checked()
        assert names(ui) == ["x", "y", "z"]

    def test_cases_are_shown_once_the_packages_have_come(
        self, ui, checked, fake_finetune, lacking, module_widget, prepared
    ):
        fake_finetune("waits")
        gone = lacking("timm")
        ui.runFolderEdit.currentPath = str(prepared)
        checked()
        gone.clear()
        module_widget.onPackagesInstalled()
        checked()
        assert names(ui) == ["x", "y"]


class TestTypedPath:
    def test_from_the_working_folder(self, ui, checked, fake_finetune, tmp_path, monkeypatch, reached):
        fake_finetune("waits")
        monkeypatch.chdir(tmp_path)
        save_table(tmp_path / "data", "ab")
        ui.runFolderEdit.currentPath = "run1"
        ui.sourceEdit.currentPath = "data/cases.csv"
        ui.addFilesButton.click()
        checked()
        assert names(ui) == ["a", "b"]
        assert (tmp_path / "run1" / "cases" / "cases.csv").is_file()
        ui.startButton.click()
        reached("training")
        assert (tmp_path / "run1" / "status.json").is_file()

    def test_with_blanks(self, ui, tab):
        ui.runFolderEdit._line.clear()
        for letter in "/tmp/my run":
            ui.runFolderEdit._line.insert(letter)
            tab.update()
        assert ui.runFolderEdit.currentPath == "/tmp/my run"
        ui.runFolderEdit._line.insert(" ")
        assert tab._folder() == Path("/tmp/my run")

    def test_from_the_home_of_nobody(self, ui, tab):
        ui.runFolderEdit.currentPath = "~nobody-of-this-name/run"
        assert tab._folder().is_absolute()
