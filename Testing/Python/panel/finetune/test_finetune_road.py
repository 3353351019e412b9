"""From cases in the scene to a model that segments, with the real worker on a small bundle; kills included."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
import slicer
from module_samples.heads import add_head, save_table


@pytest.fixture
def own_models(tiny_models, tmp_path, monkeypatch):
    """A folder of bundles that a test may install into."""
    root = tmp_path / "models"
    shutil.copytree(tiny_models, root)
    monkeypatch.setenv("NEOSEGDINO_MODELS", str(root))
    return root


@pytest.fixture
def ui(own_models, jobs, runs, module_widget):
    ui = module_widget.ui
    ui.tabWidget.currentIndex = 1
    module_widget._parameterNode.finetuneBundle = "tiny"
    ui.finetuneDeviceComboBox.currentIndex = 1
    ui.viewsSpinBox.value = 2
    return ui


@pytest.fixture
def reached(slicer_scene, module_widget):
    """Wait until the run is in a state, and some epochs are done."""

    def wait(state: str, epoch: int = 0) -> None:
        def there() -> bool:
            run = module_widget.finetuneTab.run
            assert run is None or run.state not in ("failed", "interrupted") or state == run.state, run.log
            return run is not None and run.state == state and (run.status.epoch if epoch else 0) >= epoch

        slicer_scene.wait_for(there, 120)

    return wait


@pytest.mark.slow
def test_from_the_scene_to_a_model_that_segments(ui, module_widget, module, slicer_scene, reached, tmp_path):
    tab = module_widget.finetuneTab
    ui.runFolderEdit.currentPath = str(tmp_path / "Lauf \u00fc 1")
    ui.fromSceneGroupBox.collapsed = False
    volumes = []
    for seed, name in enumerate(("eins", "zwei", "drei")):
        volume, truth = add_head(name, seed=seed)
        volumes.append(volume)
        ui.pairVolumeSelector.setCurrentNode(volume)
        ui.pairLabelsSelector.setCurrentNode(truth)
        ui.addPairButton.click()
        slicer_scene.wait_for(lambda: not tab.checking)
    ui.nameEdit.text = "mine"
    ui.epochsSpinBox.value = 2
    ui.showLookCheckBox.click()
    slicer_scene.wait_for(lambda: ui.estimateLabel.text.startswith("About"), 120)
    assert "2 cases to train on, 1 to validate" in ui.estimateLabel.text
    ui.startButton.click()
    reached("finished")
    ui.showCurvesButton.click()
    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert table.GetNumberOfRows() == 2
    slicer_scene.wait_for(lambda: slicer.util.getFirstNodeByClassByName("vtkMRMLSegmentationNode", "Fine-tuning look"))
    ui.useModelButton.click()
    slicer_scene.wait_for(lambda: ui.tabWidget.currentIndex == 0)
    bundle = module_widget._parameterNode.bundle
    assert bundle == "mine"
    _node, report = module.source().NeoSegDINOLogic().segment(volumes[0], bundle=bundle, device="cpu")
    assert report["bundle"]["name"] == "mine"


@pytest.mark.slow
def test_killed_resumed_and_paused(ui, module_widget, slicer_scene, reached, tmp_path):
    tab = module_widget.finetuneTab
    ui.runFolderEdit.currentPath = str(tmp_path / "run")
    ui.sourceEdit.currentPath = str(save_table(tmp_path / "data", "abc"))
    ui.addFilesButton.click()
    slicer_scene.wait_for(lambda: not tab.checking)
    ui.epochsSpinBox.value = ui.patienceSpinBox.value = 9000
    ui.startButton.click()
    reached("training", epoch=2)
    os.kill(tab.run.status.pid, signal.SIGKILL)
    reached("interrupted")
    epoch = tab.run.status.epoch
    ui.resumeButton.click()
    reached("training", epoch=epoch + 1)
    ui.pauseButton.click()
    reached("paused")
    assert ui.runMessageFrame.isHidden()
    ui.resumeButton.click()
    reached("training", epoch=epoch + 2)
    ui.cancelRunButton.click()
    slicer_scene.wait_for(lambda: tab.run.state == "cancelled", 2.5)


@pytest.mark.slow
def test_the_workers_own_error(ui, module_widget, slicer_scene, reached, tmp_path):
    """A case that has changed since it was checked is found by the worker."""
    tab = module_widget.finetuneTab
    ui.runFolderEdit.currentPath = str(tmp_path / "run")
    ui.sourceEdit.currentPath = str(save_table(tmp_path / "data", "ab"))
    ui.addFilesButton.click()
    slicer_scene.wait_for(lambda: not tab.checking)
    (tmp_path / "data" / "a_labels.nii.gz").write_bytes(b"gone")
    ui.startButton.click()
    reached("failed")
    assert "a" in ui.runMessageLabel.text
    assert "Traceback" not in ui.runMessageLabel.text
    assert not ui.copyRunLogButton.isHidden()
