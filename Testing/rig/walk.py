"""The pictures of a walk through the panel, as a new user takes it: ``python -m rig.walk FOLDER``.

With the shipped model, the shipped sample and real workers. FOLDER takes the pictures ``first-run-*.png`` and
``walk-*.png`` of the tutorials. The report's page is drawn by ``pdftoppm`` (poppler-utils).
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from typing import Any

from rig.guide import Guide
from rig.small_png import crop_paper, shrink

LACKING = {"nibabel", "safetensors", "msgspec", "click", "tqdm", "psutil", "reportlab", "timm"}
"""What a Slicer with the extension "PyTorch" does not have."""
LONGEST_S = 300
AGE_WEEKS = 40.0
PAGE_WIDTH = 860


class Walk:
    """One step a method, in this order.

    Parameters
    ----------
    guide : Guide
        The panel.
    folder : Path
        Takes the pictures.
    """

    def __init__(self, guide: Guide, folder: Path) -> None:
        self._guide = guide
        self._ui = guide.ui
        self._folder = folder
        self._volume: Any = None

    def go(self) -> None:
        """Take all steps."""
        self._first_run()
        self._device()
        self._ready()
        self._progress_and_cancel()
        self._refused()
        self._result()
        self._uncertainty()
        self._report()
        self._queue()
        self._models()

    def _first_run(self) -> None:
        """A Slicer that lacks packages."""
        from NeoSegDINOLib import install

        real = install.installed_version
        install.installed_version = lambda name: None if name in LACKING else real(name)
        self._guide.widget.firstRun.update()
        self._upper("first-run-banner", self._ui.segmentButton)
        install.installed_version = real
        self._guide.widget.firstRun.update()

    def _device(self) -> None:
        """What the worker has found of this computer."""
        self._ui.advancedCollapsibleButton.collapsed = False
        self._wait(lambda: "GiB free" in self._ui.deviceLineLabel.text)
        self._upper("first-run-device", self._ui.deviceLineLabel)
        self._ui.advancedCollapsibleButton.collapsed = True

    def _ready(self) -> None:
        import slicer
        from NeoSegDINOLib.sample_data import SAMPLE_FILE

        self._volume = slicer.util.loadVolume(str(SAMPLE_FILE))
        self._guide.settle()
        self._upper("walk-ready", self._ui.segmentButton)

    def _progress_and_cancel(self) -> None:
        self._ui.segmentButton.click()
        self._wait(lambda: self._ui.progressBar.value >= 30)
        self._upper("walk-progress", self._ui.progressWidget)
        self._ui.cancelButton.click()
        self._wait_for_rest()
        self._upper("walk-cancelled", self._ui.messageFrame)

    def _refused(self) -> None:
        """A few slices, as a localizer has them."""
        import slicer

        voxels = slicer.util.arrayFromVolume(self._volume)
        middle = len(voxels) // 2
        few = slicer.util.addVolumeFromArray(voxels[middle : middle + 5].copy(), name="Localizer")
        self._choose(few)
        self._upper("walk-refused", self._ui.segmentButton)
        self._choose(self._volume)
        slicer.mrmlScene.RemoveNode(few)

    def _result(self) -> None:
        self._ui.ageSpinBox.value = AGE_WEEKS
        self._ui.segmentButton.click()
        self._wait_for_rest()
        self._guide.settle()
        self._upper("walk-result", self._ui.resultWidget)

    def _uncertainty(self) -> None:
        self._ui.uncertaintyCheckBox.click()
        self._guide.settle()
        self._guide.window(self._folder / "walk-uncertainty.png", self._volume, self._segmentation())
        self._ui.uncertaintyCheckBox.click()

    def _report(self) -> None:
        page, target = self._guide.session.temporary / "report.pdf", self._folder / "walk-report.png"
        self._guide.session.dialogs.answer(str(page))
        self._ui.pageButton.click()
        self._wait(page.exists)
        draw = ["pdftoppm", "-png", "-singlefile", "-scale-to-x", str(PAGE_WIDTH), "-scale-to-y", "-1"]
        subprocess.run([*draw, str(page), str(target.with_suffix(""))], check=True)
        crop_paper(target)
        shrink(target)

    def _queue(self) -> None:
        import slicer

        volumes = slicer.modules.volumes.logic()
        more = [volumes.CloneVolume(slicer.mrmlScene, self._volume, f"Newborn {number}-T2w") for number in (2, 3, 4)]
        self._guide.settle()
        self._ui.segmentAllButton.click()
        self._wait(lambda: self._ui.progressBar.value >= 30)
        self._upper("walk-queue", self._ui.queueWidget)
        self._ui.emptyQueueButton.click()
        self._ui.cancelButton.click()
        self._wait_for_rest()
        for node in more:
            slicer.mrmlScene.RemoveNode(node)

    def _models(self) -> None:
        self._ui.tabWidget.currentIndex = 2
        self._guide.settle()
        self._upper("walk-models", self._ui.cardBrowser)

    def _choose(self, volume: Any) -> None:
        self._ui.inputSelector.setCurrentNode(volume)
        self._guide.settle()

    def _segmentation(self) -> Any:
        return self._guide.widget.logic.getParameterNode().segmentation

    def _upper(self, name: str, last: Any) -> None:
        self._guide.upper(self._folder / f"{name}.png", last)

    def _wait(self, condition: Any) -> None:
        self._guide.session.wait_for(condition, LONGEST_S)

    def _wait_for_rest(self) -> None:
        self._wait(lambda: self._guide.widget.segmentTab.run is None)


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    guide = Guide()
    os.environ["HOME"] = str(guide.session.temporary)  # the shipped model alone, none of whoever makes the pictures
    Walk(guide, folder).go()
    problems = guide.session.problems.take()
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
