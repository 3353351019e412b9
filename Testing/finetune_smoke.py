"""Fine-tuning in a real Slicer: cases, estimate, Start, curves, the close event, Pause, Resume, Cancel.

    Slicer --testing --no-splash --python-script Testing/finetune_smoke.py

Missing Python packages are installed without asking, so run it in a Slicer that may be changed. Takes some minutes.
Ends Slicer with exit code 0 if all went well, 1 otherwise.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import qt
import slicer
from NeoSegDINOLib import close_guard
from NeoSegDINOLib.install import ensure_packages
from NeoSegDINOLib.sample_data import SAMPLE_FILE

LONGEST_S = 600
LABELS_FILE = SAMPLE_FILE.with_name(SAMPLE_FILE.name.replace(".nii.gz", "_labels.nii.gz"))


def expect(condition: object, what: str) -> None:
    """Report one expectation; a failed one ends the script."""
    print(f"{'ok  ' if condition else 'FAIL'} {what}", flush=True)
    if not condition:
        raise AssertionError(what)


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Let the window live until a condition holds."""
    start = time.monotonic()
    while not condition() and time.monotonic() - start < LONGEST_S:
        slicer.app.processEvents()
        time.sleep(0.01)
    expect(condition(), what)


def add_cases(folder: Path) -> Path:
    """Write three cases, the sample with other noise, and their table."""
    import nibabel as nib

    image = nib.load(SAMPLE_FILE)
    voxels = np.asarray(image.dataobj).astype(np.float32)
    lines = ["image,labels"]
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 2, voxels.shape)
        nib.save(nib.Nifti1Image((voxels + noise).astype(np.float32), image.affine), folder / f"case{seed}.nii.gz")
        lines.append(f"case{seed}.nii.gz,{LABELS_FILE}")
    table = folder / "table.csv"
    table.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return table


def check_close_event() -> None:
    """The main window's close event is held back while the run is at work."""
    asked, real = [], close_guard.ask
    close_guard.ask = lambda run: asked.append(run) or qt.QMessageBox.Cancel  # type: ignore[func-returns-value]
    try:
        closed = slicer.util.mainWindow().close()
    finally:
        close_guard.ask = real
    expect(asked and not closed, "closing Slicer asks, and can be held back")


def main(folder: Path) -> None:
    """Walk the road."""
    ensure_packages(ask=False, training=True)
    slicer.mrmlScene.Clear()
    slicer.util.selectModule("NeoSegDINO")
    widget = slicer.modules.NeoSegDINOWidget
    ui, tab = widget.ui, widget.finetuneTab
    ui.tabWidget.currentIndex = 1
    ui.runFolderEdit.currentPath = str(folder / "run")
    ui.fromFilesGroupBox.collapsed = False
    ui.sourceEdit.currentPath = str(add_cases(folder))
    expect(ui.addFilesButton.enabled, f"cases can be added: {ui.addFilesButton.toolTip}")
    ui.addFilesButton.click()
    wait_for(lambda: not tab.checking, "the cases are checked")
    expect(ui.caseTable.rowCount == 3, f"three cases: {ui.casesLabel.text} {ui.runMessageLabel.text}")
    expect(ui.startButton.enabled, f"the run can be started: {ui.startButton.toolTip}")
    wait_for(lambda: ui.estimateLabel.text.startswith("About"), f"an estimate: {ui.estimateLabel.text}")
    ui.viewsSpinBox.value = 1
    ui.showLookCheckBox.checked = True
    ui.startButton.click()
    wait_for(lambda: tab.run is not None and tab.run.status and tab.run.status.epoch >= 1, "an epoch is done")
    ui.showCurvesButton.click()
    expect(len(slicer.util.getNodesByClass("vtkMRMLPlotChartNode")) == 1, "the chart is there")
    wait_for(lambda: slicer.util.getNodesByClass("vtkMRMLSegmentationNode"), "the look is there")
    check_close_event()
    ui.pauseButton.click()
    wait_for(lambda: tab.run.state == "paused", "Pause is obeyed")
    ui.resumeButton.click()
    wait_for(lambda: tab.run.state == "training", "Resume goes on")
    before = time.monotonic()
    ui.cancelRunButton.click()
    wait_for(lambda: tab.run.state == "cancelled", "Cancel is obeyed")
    expect(time.monotonic() - before < 2.5, "within two seconds")


def run() -> int:
    """Walk the road in a folder of its own; return the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="neosegdino-smoke-"))
    try:
        main(folder)
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    status = 1
    try:
        status = run()
    finally:
        slicer.util.exit(status)
