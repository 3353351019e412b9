"""One of two Slicers on the same settings and the same folder of models: installs models and chooses the default one.

``installing_slicer.py SETTINGS SHARED OWN TURNS`` prints a line when the tab is open and waits for one on its standard
input; then it installs the model file SHARED, which the other one installs too, and its OWN, and makes OWN the default.
"""

from __future__ import annotations

import sys
from pathlib import Path

NEVER_ASKED = "Ok"
"""Answer to the question whether a model may be replaced, for which there may be nothing to ask."""


def main() -> None:
    """Install and choose, turn by turn."""
    settings, shared, own, turns = sys.argv[1:]
    import rig

    session = rig.boot()
    from PySide6 import QtCore

    for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, scope, settings)
    module = session.load_module(Path(__file__).resolve().parents[2] / "NeoSegDINO" / "NeoSegDINO.py")
    import slicer

    panel = module.widgetRepresentation()
    panel.enter()
    widget = panel.self()
    ui = widget.ui
    ui.tabWidget.currentIndex = 2

    def install(file: str) -> None:
        session.dialogs.answer(file, NEVER_ASKED)
        ui.installModelButton.click()
        session.wait_for(lambda: not widget.modelsTab.busy, 60)
        session.dialogs.reset()
        assert ui.modelsMessageLabel.text.endswith("was installed."), ui.modelsMessageLabel.text

    def choose(title: str) -> None:
        texts = [ui.modelList.item(row).text() for row in range(ui.modelList.count)]
        ui.modelList.setCurrentRow(next(row for row, text in enumerate(texts) if text.startswith(title)))
        ui.defaultModelButton.click()
        assert ui.modelsMessageLabel.text == f"'{title}' is the default model now.", ui.modelsMessageLabel.text

    print("open", flush=True)
    sys.stdin.readline()
    for turn in range(int(turns)):
        install(shared)
        install(own)
        choose(Path(own).stem)
        slicer.app.userSettings().setValue(f"Others/{Path(own).stem}-{turn}", turn)
    print("ended", flush=True)
    assert session.problems.take() == []


if __name__ == "__main__":
    main()
