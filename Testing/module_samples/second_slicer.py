"""One of two Slicers on the same settings and the same temporary folder: segments one volume after the other.

``second_slicer.py SETTINGS VOLUMES`` prints a line when a run has begun and one when it has ended.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Segment, one after the other."""
    settings, count = sys.argv[1:]
    import rig

    session = rig.boot()
    from PySide6 import QtCore

    for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, scope, settings)
    module = session.load_module(Path(__file__).resolve().parents[2] / "NeoSegDINO" / "NeoSegDINO.py")
    from NeoSegDINOLib import process

    from module_samples import fake_worker
    from module_samples.volumes import add_volume

    process.worker_program = lambda: [sys.executable, fake_worker.__file__]
    panel = module.widgetRepresentation()
    panel.enter()
    widget = panel.self()
    for number in range(int(count)):
        volume = add_volume(f"volume {number}")
        widget.ui.inputSelector.setCurrentNode(volume)
        widget.ui.outputSelector.setCurrentNode(None)
        widget.ui.segmentButton.click()
        session.wait_for(lambda: widget.ui.progressBar.value >= 20 or widget.segmentTab.run is None)
        print("begun", flush=True)
        session.wait_for(lambda: widget.segmentTab.run is None, 60)
        print(
            f"ended {widget.ui.messageLabel.text if widget.ui.outputSelector.currentNode() is None else 'well'}",
            flush=True,
        )
    assert session.problems.take() == []


if __name__ == "__main__":
    main()
