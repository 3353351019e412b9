"""Pictures of the tutorial "From the installation to the first result": ``python -m rig.first_run_pictures FOLDER``.

FOLDER takes ``first-run-banner.png``, the panel of a Slicer that lacks packages, and ``first-run-device.png``, the
section "Advanced" with what the worker has found of this computer.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import rig
from rig.demo import MODULE_FILE, print_message

SIZE = (430, 300)
LACKING = {"nibabel", "safetensors", "msgspec", "click", "timm"}
LONGEST_S = 120


def _grab(panel: Any, target: Path) -> None:
    """Save a picture of the upper part of the panel."""
    from PySide6 import QtWidgets

    panel.show()
    rig.boot().process_events()
    panel.resize(SIZE[0], max(SIZE[1], panel.sizeHint().height()))
    rig.boot().process_events()
    picture = QtWidgets.QWidget.grab(panel).copy(0, 0, *SIZE)
    panel.hide()
    if not picture.save(str(target)):
        raise OSError(f"the picture could not be written to {target}")


def main() -> None:
    """Make both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    session = rig.boot()
    from PySide6 import QtCore, QtWidgets

    from rig import theme

    QtCore.qInstallMessageHandler(print_message)
    QtWidgets.QApplication.setPalette(theme.palette(dark=False))
    module = session.load_module(MODULE_FILE)
    from NeoSegDINOLib import install

    panel = module.widgetRepresentation()
    panel.enter()
    widget, real = panel.self(), install.installed_version
    install.installed_version = lambda name: None if name in LACKING else real(name)
    widget.firstRun.update()
    _grab(panel, folder / "first-run-banner.png")
    install.installed_version = real
    widget.firstRun.update()
    widget.ui.advancedCollapsibleButton.collapsed = False
    session.wait_for(lambda: "GiB free" in widget.ui.deviceLineLabel.text, LONGEST_S)
    _grab(panel, folder / "first-run-device.png")


if __name__ == "__main__":
    main()
