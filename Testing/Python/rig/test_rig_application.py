"""The application, its surroundings, and the modules of other extensions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[2]


def test_main_window(slicer_scene):
    import slicer

    assert slicer.util.mainWindow().objectName == "qSlicerMainWindow"
    assert slicer.util.showStatusMessage("hello")


def test_settings_are_private(slicer_scene):
    import qt
    import slicer

    settings = qt.QSettings()
    assert str(slicer_scene.temporary) in settings.fileName()
    settings.setValue("NeoSegDINO/device", "cpu")
    assert slicer.util.settingsValue("NeoSegDINO/device", "auto") == "cpu"
    assert slicer.app.userSettings().contains("NeoSegDINO/device")
    settings.remove("NeoSegDINO/device")
    assert slicer.util.settingsValue("NeoSegDINO/device", "auto") == "auto"


def test_python_slicer_is_this_interpreter(slicer_scene):
    import slicer

    found = shutil.which("PythonSlicer")
    assert found is not None
    assert found.startswith(slicer.app.slicerHome)
    command = [found, "-c", "import sys; print(sys.prefix)"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == sys.prefix


def test_console_process(slicer_scene):
    import slicer

    lines, codes = [], []
    slicer.util.launchConsoleProcess(
        [sys.executable, "-c", "print('one'); raise SystemExit(3)"],
        blocking=False,
        logCallback=lines.append,
        completedCallback=codes.append,
    )
    slicer_scene.wait_for(lambda: codes)
    assert (lines, codes) == (["one"], [3])


def test_wait_cursor_and_delay(slicer_scene):
    import qt
    import slicer

    with slicer.util.WaitCursor():
        assert qt.QApplication.overrideCursor() is not None
    assert qt.QApplication.overrideCursor() is None
    slicer.util.delayDisplay("short", 100)


def test_single_shot(slicer_scene):
    import qt

    fired = []
    qt.QTimer.singleShot(1, lambda: fired.append(1))
    slicer_scene.wait_for(lambda: fired, seconds=5)


def test_long_event_loop_does_not_use_up_none(slicer_scene):
    code = "import rig; app = rig.boot().app\nfor _ in range(60000): app.setApplicationDisplayName('Slicer')"
    done = subprocess.run([sys.executable, "-c", code], cwd=TESTING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wait_for_gives_up(slicer_scene):
    with pytest.raises(TimeoutError):
        slicer_scene.wait_for(lambda: False, seconds=0.05)


def test_packages_are_asked_for_and_not_installed(slicer_scene, tmp_path):
    import slicer

    if slicer_scene.uses_slicer_source:
        pytest.skip("Slicer's own packaging would install")
    path = tmp_path / "requirements.txt"
    path.write_text("# comment\nnumpy>=1\nno-such-package-of-ours>=2\n", encoding="utf-8")
    wanted = slicer.packaging.load_requirements(path)
    slicer_scene.dialogs.answer("Ok", "Cancel")
    slicer.packaging.pip_ensure(wanted, requester="NeoSegDINO", skip_packages=["torch"])
    call = slicer_scene.packaging.calls[0]
    assert call.missing == ("no-such-package-of-ours>=2",)
    assert (call.requester, call.skip_packages) == ("NeoSegDINO", ("torch",))
    assert "no-such-package-of-ours" in slicer_scene.dialogs.shown[0].detail
    with pytest.raises(RuntimeError, match="declined"):
        slicer.packaging.pip_ensure(wanted)
    assert slicer.packaging.pip_ensure("numpy") is None
    slicer.util.pip_install("numpy")
    assert slicer_scene.packaging.calls[-1].function == "pip_install"


def test_testing_mode_skips_installation(slicer_scene):
    import slicer

    slicer_scene.app.setTesting(True)
    assert slicer.packaging.pip_ensure("no-such-package-of-ours") is None


def test_pytorch_extension(slicer_scene):
    import PyTorchUtils

    logic = PyTorchUtils.PyTorchUtilsLogic()
    slicer_scene.torch.state.torch = False
    slicer_scene.torch.state.consent = False
    assert not logic.torchInstalled()
    assert logic.installTorch(askConfirmation=True, torchVersionRequirement=">=2.4") is None
    assert slicer_scene.torch.state.calls[0]["torchVersionRequirement"] == ">=2.4"


def test_pytorch_extension_missing(slicer_scene):
    slicer_scene.torch.remove()
    with pytest.raises(ImportError):
        import PyTorchUtils  # noqa: F401


def test_translation(slicer_scene):
    from slicer.i18n import tr, translate

    assert tr("Text") == "Text"
    assert translate("Context", "Text") == "Text"


def test_slicer_source_must_be_one(monkeypatch, tmp_path):
    from rig import slicer_package

    monkeypatch.setenv(slicer_package.VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError):
        slicer_package.source()
    monkeypatch.setenv(slicer_package.VARIABLE, "")
    assert slicer_package.source() is None


def test_an_extension_is_installed_after_a_yes_only(slicer_scene):
    import slicer

    model = slicer.app.extensionsManagerModel()
    slicer_scene.dialogs.answer("No")
    assert not model.installExtensionFromServer("PyTorch")
    assert not model.isExtensionInstalled("PyTorch")
    before = slicer.app.restartCount()
    slicer_scene.dialogs.answer("Yes", "Yes")
    assert model.installExtensionFromServer("PyTorch")
    assert slicer.app.restartCount() == before + 1
    assert model.installExtensionFromServer("PyTorch")  # there already: nobody is asked
    slicer_scene.dialogs.answer("No")
    slicer.app.confirmRestart("because")
    assert slicer_scene.dialogs.shown[-1].text == "because"
    assert slicer.app.restartCount() == before + 1


def test_an_extension_is_installed_in_testing_mode_without_a_question(slicer_scene):
    import slicer

    slicer_scene.app.setTesting(True)
    assert slicer.app.extensionsManagerModel().installExtensionFromServer("PyTorch")
    assert slicer_scene.dialogs.shown == []
