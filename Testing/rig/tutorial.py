"""The pictures of the tutorial "Fine-tune on your own cases": ``python -m rig.tutorial SOURCE RUN FOLDER``.

SOURCE is a table of cases that is shown in the tab with its preflight, RUN the folder of a run of some epochs whose
curves and validation case are shown. FOLDER takes ``cases.png`` and ``run.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import rig
from rig.demo import MODULE_FILE, print_message

SETTLE_S = 2.0
"""For what the panel draws a little later."""


class Tab:
    """The module's tab "Fine-tune" in the rig."""

    def __init__(self) -> None:
        self.session = rig.boot()
        from PySide6 import QtCore

        QtCore.qInstallMessageHandler(print_message)
        module = self.session.load_module(MODULE_FILE)
        self.panel: Any = module.widgetRepresentation()
        self.panel.enter()
        self.widget = self.panel.self()
        self.ui, self.tab = self.widget.ui, self.widget.finetuneTab
        self.ui.tabWidget.currentIndex = 1

    def settle(self) -> None:
        """Let the panel draw."""
        import time

        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until:
            self.session.process_events()
            time.sleep(0.02)

    def cases(self, source: Path, run: Path, target: Path) -> None:
        """Show the cases of a table, for a run that is not there yet."""
        import slicer
        from neosegdino.cases.source import find_cases

        from rig.window import picture

        self.ui.runFolderEdit.currentPath = str(run)
        self.ui.sourceEdit.currentPath = str(source)
        self.ui.addFilesButton.click()
        self.ui.casesCollapsibleButton.collapsed = False
        self.session.wait_for(lambda: not self.tab.checking)
        volume = slicer.util.loadVolume(find_cases(source)[0].image)
        self.settle()
        picture(self.panel, volume, None, target, size=(1400, 1000))

    def run(self, run: Path, target: Path) -> None:
        """Show a run with its curves and its validation case."""
        import slicer

        from rig.window import picture

        self.ui.runFolderEdit.currentPath = str(run)
        self.ui.showLookCheckBox.checked = True
        self.settle()
        self.ui.showCurvesButton.click()
        self.settle()
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        (volume,) = [node for node in nodes if node.GetName() == "Fine-tuning look"]
        (labels,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        picture(self.panel, volume, labels, target, size=(1400, 860))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    tab = Tab()
    tab.cases(arguments.source.resolve(), arguments.run.resolve().with_name("run2"), arguments.folder / "cases.png")
    tab.session.clear()
    tab.run(arguments.run.resolve(), arguments.folder / "run.png")


if __name__ == "__main__":
    main()
