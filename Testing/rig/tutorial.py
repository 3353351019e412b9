"""The pictures of the tutorial "Fine-tune on your own cases": ``python -m rig.tutorial SOURCE RUN FOLDER``.

SOURCE is a table of cases that is shown in the tab with its preflight, RUN the folder of a run of some epochs whose
curves and validation case are shown. FOLDER takes ``fine-tune-cases.png`` and ``fine-tune-run.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rig.guide import Guide


def cases(guide: Guide, source: Path, run: Path, target: Path) -> None:
    """Show the cases of a table, for a run that is not there yet."""
    import slicer
    from neosegdino.cases.source import find_cases

    ui = guide.ui
    ui.runFolderEdit.currentPath = str(run)
    ui.sourceEdit.currentPath = str(source)
    ui.addFilesButton.click()
    ui.casesCollapsibleButton.collapsed = False
    guide.session.wait_for(lambda: not guide.widget.finetuneTab.checking)
    volume = slicer.util.loadVolume(find_cases(source)[0].image)
    guide.settle()
    guide.window(target, volume, size=(1400, 1000))


def finished(guide: Guide, run: Path, target: Path) -> None:
    """Show a run with its curves and its validation case."""
    import slicer

    ui = guide.ui
    ui.runFolderEdit.currentPath = str(run)
    ui.showLookCheckBox.checked = True
    guide.settle()
    ui.showCurvesButton.click()
    guide.settle()
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    (volume,) = [node for node in nodes if node.GetName() == "Fine-tuning look"]
    (labels,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    guide.window(target, volume, labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    folder, run = arguments.folder, arguments.run.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    guide = Guide()
    guide.ui.tabWidget.currentIndex = 1
    cases(guide, arguments.source.resolve(), run.with_name("run2"), folder / "fine-tune-cases.png")
    guide.session.clear()
    finished(guide, run, folder / "fine-tune-run.png")


if __name__ == "__main__":
    main()
