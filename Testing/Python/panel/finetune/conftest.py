"""Fixtures of the tests of the tab "Fine-tune"."""

from __future__ import annotations

from pathlib import Path

import pytest
from module_samples.heads import save_table


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
