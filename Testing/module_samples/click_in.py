"""A click with the jobs' temporary folder at each of the given places: ``click_in.py BYTES FOLDER...``.

BYTES, unless 0, is the size that no file may exceed during the clicks, as on a disk that is full. Each click gives a
JSON line.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any


def click(session: Any, widget: Any, folder: Path) -> dict[str, object]:
    """Click with jobs in a folder, wait for the end, and say what is there then."""
    from NeoSegDINOLib import job_folder

    job_folder.tempfile.tempdir = str(folder)
    ui = widget.ui
    ui.outputSelector.setCurrentNode(None)
    ui.segmentButton.click()
    session.wait_for(lambda: widget.segmentTab.run is None, 60)
    node = ui.outputSelector.currentNode()
    return {
        "segments": 0 if node is None else node.GetSegmentation().GetNumberOfSegments(),
        "message": "" if ui.messageFrame.isHidden() else ui.messageLabel.text,
        "left": [path.name for path in folder.iterdir()] if folder.is_dir() else [],
    }


def main() -> None:
    """Click in each folder."""
    size, *folders = sys.argv[1:]
    import rig

    session = rig.boot()
    module = session.load_module(Path(__file__).resolve().parents[2] / "NeoSegDINO" / "NeoSegDINO.py")
    from NeoSegDINOLib import process

    from module_samples import fake_worker
    from module_samples.volumes import add_volume

    process.worker_program = lambda: [sys.executable, fake_worker.__file__]
    panel = module.widgetRepresentation()
    panel.enter()
    add_volume()
    if int(size):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    for folder in folders:
        print(json.dumps(click(session, panel.self(), Path(folder))), flush=True)
    assert session.problems.take() == []


if __name__ == "__main__":
    main()
