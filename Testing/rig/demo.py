"""The sample, segmented through the module in a real MRML scene.

``python -m rig.demo FOLDER`` writes labels, report, scene and a picture of the whole window into FOLDER;
``python -m rig.demo --picture FILE`` writes the picture alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rig

MODULE_FILE = Path(__file__).resolve().parents[2] / "NeoSegDINO" / "NeoSegDINO.py"


@dataclass(frozen=True)
class Shown:
    """The module's panel after a segmentation, its nodes and the report."""

    panel: Any
    volume: Any
    segmentation: Any
    report: dict[str, Any]


def segment_sample() -> Shown:
    """Load the shipped sample and segment it as a user of the Python console does.

    Raises
    ------
    neosegdino.errors.NeoSegDINOError
        Why there is no result.
    """
    session = rig.boot()
    from PySide6 import QtCore

    QtCore.qInstallMessageHandler(print_message)
    module = session.load_module(MODULE_FILE)
    import slicer
    from NeoSegDINOLib.sample_data import SAMPLE_FILE

    panel = module.widgetRepresentation()
    panel.enter()
    volume = slicer.util.loadVolume(str(SAMPLE_FILE))
    logic = module.source().NeoSegDINOLogic()
    segmentation, report = logic.segment(volume, onProgress=_Stages().show)
    logic.getParameterNode().segmentation = segmentation  # the panel follows
    return Shown(panel, volume, segmentation, report)


def print_message(_kind: Any, _context: Any, message: str) -> None:
    """Print what Qt has to say, but for a lack of its offscreen windows that means nothing here."""
    if "propagateSizeHints" not in message:
        print(message, file=sys.stderr)


class _Stages:
    """Prints every stage of the work once."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, update: Any) -> None:
        from NeoSegDINOLib.wording import stage_in_words

        if update.stage != self._last:
            self._last = update.stage
            print(f"  {update.fraction:4.0%}  {stage_in_words(update.stage)}", flush=True)


def save_picture(shown: Shown, path: Path) -> None:
    """Write a picture of Slicer's window: the panel and the four views (PNG)."""
    from rig.small_png import shrink
    from rig.window import picture

    shrink(picture(shown.panel, shown.volume, shown.segmentation, path))


def save_labels(shown: Shown, path: Path) -> None:
    """Write the segments as a label map on the volume's grid (NIfTI)."""
    import slicer

    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", shown.segmentation.GetName())
    slicer.modules.segmentations.logic().ExportAllSegmentsToLabelmapNode(
        shown.segmentation, labels, slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY
    )
    _require(slicer.util.saveNode(labels, str(path)), path)
    slicer.mrmlScene.RemoveNode(labels)


def save_all(shown: Shown, folder: Path) -> list[Path]:
    """Write labels, report, scene and picture; they appear in the folder together."""
    import slicer
    from neosegdino.folders import private_folder

    stem = shown.volume.GetName()
    with private_folder(folder) as workplace:
        save_picture(shown, workplace / f"{stem}_window.png")
        scene = workplace / f"{stem}_scene.mrb"
        _require(slicer.util.saveScene(str(scene)), scene)
        save_labels(shown, workplace / f"{stem}_hippocampus.nii.gz")
        report = json.dumps(shown.report, indent=2, ensure_ascii=False)
        (workplace / f"{stem}_report.json").write_text(report + "\n", encoding="utf-8")
        return [path.replace(folder / path.name) for path in sorted(workplace.iterdir())]


def _require(saved: bool, path: Path) -> None:
    if not saved:
        raise OSError(f"{path} could not be written")


def _summary(report: dict[str, Any]) -> str:
    rows = [f"  {row['side']:5}  {row['volume_ml']:.2f} ml" for row in report["hippocampus"]]
    return "\n".join(["Hippocampus:", *rows, *(f"Warning: {warning}" for warning in report["warnings"])])


def run(folder: Path | None, picture: Path | None) -> int:
    """Segment the sample and write what is asked for; returns the exit status."""
    from neosegdino.errors import NeoSegDINOError

    print("Segmenting the sample, a synthetic newborn's head ...", flush=True)
    try:
        shown = segment_sample()
    except NeoSegDINOError as error:
        print(f"Error: {error.message}\n  Remedy: {error.remedy}", file=sys.stderr)
        return error.exit_code
    print(_summary(shown.report))
    written = [] if folder is None else save_all(shown, folder)
    if picture is not None:
        save_picture(shown, picture)
        written.append(picture)
    print("Written:", *(f"  {path.resolve()}" for path in written), sep="\n")
    problems = rig.boot().problems.take()
    print(*problems, sep="\n", end="", file=sys.stderr)
    return 1 if problems else 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point of ``python -m rig.demo``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rig.demo", description=__doc__)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("folder", nargs="?", type=Path, help="folder for labels, report, scene and picture")
    target.add_argument("--picture", type=Path, metavar="FILE", help="write the picture alone")
    asked = parser.parse_args(arguments)
    return run(asked.folder, asked.picture)


if __name__ == "__main__":
    sys.exit(main())
