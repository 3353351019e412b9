"""The whole road in a real Slicer: the sample, the panel, a click, a result, Cancel.

    Slicer --testing --no-splash --python-script Testing/slicer_smoke.py

Missing Python packages are installed without asking, so run it in a Slicer that may be changed. Ends Slicer with
exit code 0 if all went well, 1 otherwise.
"""

from __future__ import annotations

import time
from typing import Any

import slicer
from NeoSegDINOLib.install import ensure_packages
from NeoSegDINOLib.sample_data import SAMPLE_NAME, register_sample_data

LONGEST_S = 300
LONGEST_PAUSE_S = 0.5


def expect(condition: bool, what: str) -> None:
    """Report one expectation; a failed one ends the script."""
    print(f"{'ok  ' if condition else 'FAIL'} {what}", flush=True)
    if not condition:
        raise AssertionError(what)


def follow(tab: Any) -> float:
    """Let the window live until the run has ended; returns the longest time that it stood still, in seconds."""
    longest, start = 0.0, time.monotonic()
    while tab.run is not None:
        before = time.monotonic()
        slicer.app.processEvents()
        longest = max(longest, time.monotonic() - before)
        if time.monotonic() - start > LONGEST_S:
            expect(False, f"the run ends within {LONGEST_S} s")
    return longest


def check_device_line(ui: Any) -> None:
    """The worker says what computes, and the window lives meanwhile."""
    ui.advancedCollapsibleButton.collapsed = False
    start = time.monotonic()
    while ui.deviceLineLabel.text.endswith("\u2026") and time.monotonic() - start < LONGEST_S:
        slicer.app.processEvents()
    expect(ui.deviceLineLabel.text.startswith("PyTorch"), f"the device: {ui.deviceLineLabel.text}")
    ui.advancedCollapsibleButton.collapsed = True


def main() -> None:
    """Walk the road."""
    import SampleData

    ensure_packages(ask=False)
    slicer.mrmlScene.Clear()
    slicer.util.selectModule("NeoSegDINO")
    widget = slicer.modules.NeoSegDINOWidget
    expect(not widget.ui.segmentButton.enabled, "without a volume the button is disabled")
    widget.firstRun.update()
    expect(not widget.ui.firstRunFrame.visible, f"nothing is missing: {widget.ui.firstRunLabel.text or 'no message'}")
    check_device_line(widget.ui)

    register_sample_data()
    volume = SampleData.downloadSample(SAMPLE_NAME)
    expect(widget.ui.inputSelector.currentNode() is volume, "the only volume is chosen as input")
    expect(widget.ui.segmentButton.enabled, "the button is enabled")

    before = slicer.mrmlScene.GetNumberOfNodes()
    widget.ui.segmentButton.click()
    run = widget.segmentTab.run
    expect(run is not None, "the click starts a run")
    widget.ui.cancelButton.click()
    expect(run.join(10) and slicer.mrmlScene.GetNumberOfNodes() == before, "Cancel leaves nothing behind")

    widget.ui.segmentButton.click()
    longest = follow(widget.segmentTab)
    print(f"     the window stood still for at most {longest:.2f} s", flush=True)
    expect(longest < LONGEST_PAUSE_S, "the window stays alive")
    node = widget.ui.outputSelector.currentNode()
    expect(node is not None, f"there is a result: {widget.ui.messageLabel.text or 'no message'}")
    expect(node.GetSegmentation().GetNumberOfSegments() == 2, "two segments")
    expect(bool(node.GetDisplayNode().GetVisibility3D()), "shown in 3D")
    expect(widget.ui.resultTable.rowCount == 3, "left, right and asymmetry in the result table")
    look(widget.ui, node, volume)


def look(ui: Any, node: Any, volume: Any) -> None:
    """Do what a user does with a result."""
    count = slicer.mrmlScene.GetNumberOfNodes()
    ui.uncertaintyCheckBox.click()
    expect(slicer.mrmlScene.GetNumberOfNodes() > count, "the uncertainty is shown")
    ui.uncertaintyCheckBox.click()
    expect(slicer.mrmlScene.GetNumberOfNodes() == count, "and removed again")
    ui.showButton.click()
    ui.copyTableButton.click()
    expect(volume.GetName() in slicer.app.clipboard().text(), "the table is on the clipboard")
    ui.editButton.click()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    expect(slicer.util.selectedModule() == "SegmentEditor", "the Segment Editor opens")
    expect(editor.segmentationNode() is node and editor.sourceVolumeNode() is volume, "on the result")
    slicer.util.selectModule("NeoSegDINO")
    expect("edited" not in ui.warningsLabel.text, "a look is no edit")


if __name__ == "__main__":
    status = 1
    try:
        main()
        status = 0
    finally:
        slicer.util.exit(status)
