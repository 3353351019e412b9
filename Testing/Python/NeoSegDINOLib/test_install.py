from __future__ import annotations

import importlib.metadata
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import slicer
from neosegdino.errors import DependencyError
from NeoSegDINOLib import install
from NeoSegDINOLib.pip_installation import PipInstallation
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[3]
SLICERS_OWN = {"numpy", "simpleitk", "vtk", "torch", "torchvision"}


@pytest.fixture
def missing(fake_pip, lacking, monkeypatch):
    """Pretend that packages are missing, until pip has been called; returns a reader of pip's calls."""

    def pretend(*names, how="works"):
        calls = fake_pip(how)
        gone = lacking(*names)
        real = PipInstallation.wait

        def wait(installation):
            real(installation)
            gone.clear()

        monkeypatch.setattr(PipInstallation, "wait", wait)
        return lambda: [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    return pretend


def test_nothing_missing_asks_nothing(slicer_scene):
    install.ensure_packages()
    assert slicer_scene.dialogs.shown == []


def test_asked_once_with_the_list(slicer_scene, missing):
    calls = missing("nibabel", "timm")
    slicer_scene.dialogs.answer("Ok")
    install.ensure_packages()
    (question,) = slicer_scene.dialogs.shown
    assert "2 Python packages" in question.text
    assert "Packages that Slicer has are not changed." in question.text
    assert "PyTorch" not in question.text
    assert question.detail.splitlines() == ["nibabel<6,>=5.2", "timm<2,>=1.0.20"]
    assert [call["given"] for call in calls()] == [["nibabel<6,>=5.2"], ["--no-deps", "timm<2,>=1.0.20"]]


def test_pip_may_change_nothing_that_is_installed(slicer_scene, missing):
    calls = missing("nibabel", "timm")
    slicer_scene.dialogs.answer("Ok")
    install.ensure_packages()
    assert len(calls()) == 2
    for call in calls():
        held = dict(line.split("==") for line in call["held"].splitlines())
        assert held["numpy"] == importlib.metadata.version("numpy")
        assert held["torch"] == importlib.metadata.version("torch")
        assert "nibabel" not in held
        assert "timm" not in held


@pytest.fixture
def unpacked(tmp_path, monkeypatch):
    """Put the description of a distribution onto the path, in front of all that was put there before."""

    def put(folder, name, metadata):
        place = tmp_path / folder / f"{name}.dist-info"
        place.mkdir(parents=True)
        if metadata:
            (place / "METADATA").write_text(metadata, encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path / folder))

    return put


def held(to_replace=()):
    return [
        line
        for line in install.installed_versions(to_replace).splitlines()
        if line.lower().startswith(("neo-", "neo_"))
    ]


def test_of_two_versions_the_one_that_python_imports_is_held(unpacked):
    unpacked("behind", "neo_twice-1.0", "Metadata-Version: 2.1\nName: neo-twice\nVersion: 1.0\n\nIts story\n")
    unpacked("in front", "Neo_Twice-2.0", "Metadata-Version: 2.1\nName: Neo_Twice\nVersion: 2.0\n")
    assert held() == ["Neo_Twice==2.0"]
    assert install.installed_version("neo.twice") == "2.0"
    assert held([Requirement("neo.twice")]) == []


@pytest.mark.parametrize("metadata", ["", "Metadata-Version: 2.1\nName: neo-torn\n", "Version: 1.0\n"])
def test_what_an_interrupted_pip_has_left_is_passed_over(unpacked, metadata):
    unpacked("behind", "neo_torn-1.0", "Metadata-Version: 2.1\nName: neo-torn\nVersion: 1.0\n")
    unpacked("in front", "neo_torn-2.0", metadata)
    assert held() == ["neo-torn==1.0"]
    assert install.installed_version("neo-torn") == "1.0"


def test_a_torn_package_is_missing(unpacked):
    unpacked("torn", "neo_torn-2.0", "")
    assert install.installed_version("neo-torn") is None
    assert not install.is_satisfied(Requirement("neo-torn>=1"))


def test_an_unfit_version_is_named_before_it_is_replaced(slicer_scene, fake_pip, monkeypatch):
    real = install.installed_version
    monkeypatch.setattr(install, "installed_version", lambda name: "4.0.1" if name == "nibabel" else real(name))
    slicer_scene.dialogs.answer("Cancel")
    with pytest.raises(DependencyError, match="Nothing was installed"):
        install.ensure_packages()
    (question,) = slicer_scene.dialogs.shown
    assert "are replaced by another version: nibabel 4.0.1." in question.text
    assert "are not changed" not in question.text


def test_declined_installs_nothing_and_says_so(slicer_scene, missing):
    calls = missing("nibabel")
    slicer_scene.dialogs.answer("Cancel")
    with pytest.raises(DependencyError, match="Nothing was installed") as caught:
        install.ensure_packages()
    assert "nibabel" in caught.value.message
    assert caught.value.remedy
    assert calls() == []


def test_an_installation_that_did_not_help_is_told(slicer_scene, fake_pip, lacking):
    fake_pip("works")
    lacking("nibabel")
    slicer_scene.dialogs.answer("Ok")
    with pytest.raises(DependencyError, match="still missing: nibabel"):
        install.ensure_packages()


def test_pips_failure_is_told(slicer_scene, missing):
    missing("nibabel", how="fails")
    slicer_scene.dialogs.answer("Ok")
    with pytest.raises(DependencyError, match="failed: No matching distribution found for nibabel"):
        install.ensure_packages()
    assert PipInstallation.current is None


def test_while_another_extension_installs_nothing_is_started(slicer_scene, missing, monkeypatch):
    calls = missing("nibabel")
    monkeypatch.setattr(slicer.packaging, "isPipInstallInProgress", lambda: True)
    with pytest.raises(DependencyError, match="are being installed"):
        install.ensure_packages()
    assert calls() == []


def test_slicer_5_10_has_no_packaging(slicer_scene, missing, monkeypatch):
    calls = missing("nibabel")
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    slicer_scene.dialogs.answer("Ok")
    install.ensure_packages()
    assert len(calls()) == 1


def test_testing_mode_changes_nothing(slicer_scene, missing):
    calls = missing("nibabel")
    slicer_scene.app.setTesting(True)
    with pytest.raises(DependencyError, match="missing: nibabel"):
        install.ensure_packages()
    assert calls() == []
    install.ensure_packages(ask=False)
    assert calls()


def test_torch_comes_from_the_pytorch_extension(slicer_scene, missing):
    calls = missing("torch", "torchvision")
    slicer_scene.torch.state.torch = False
    slicer_scene.dialogs.answer("Ok")
    install.ensure_packages()
    (call,) = slicer_scene.torch.state.calls
    assert call["torchVersionRequirement"] == "<3,>=2.4"
    assert call["torchvisionVersionRequirement"] == "<1,>=0.19"
    assert "that step cannot be cancelled" in slicer_scene.dialogs.shown[0].text
    assert calls() == []


def test_a_failure_of_the_pytorch_extension_is_told(slicer_scene, missing, monkeypatch):
    missing("torch", "torchvision")
    slicer_scene.torch.state.torch = False

    def fail(*_arguments, **_options):
        raise RuntimeError("no network")

    import PyTorchUtils

    monkeypatch.setattr(PyTorchUtils.PyTorchUtilsLogic, "installTorch", fail)
    slicer_scene.dialogs.answer("Ok")
    with pytest.raises(DependencyError, match="could not install PyTorch: no network"):
        install.ensure_packages()


def test_without_the_pytorch_extension_nothing_is_asked(slicer_scene, missing):
    missing("torch")
    slicer_scene.torch.remove()
    with pytest.raises(DependencyError, match="extension 'PyTorch' is not installed") as caught:
        install.ensure_packages()
    assert "Extensions Manager" in caught.value.remedy


def test_requirements_are_those_of_the_package_and_bounded():
    listed = {r.name: r for r in [*install.load_requirements(), *install.TORCH]}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {r.name: r for r in map(Requirement, project["dependencies"])}
    assert set(wanted) - set(listed) <= {"numpy"}
    for name, requirement in listed.items():
        assert requirement.specifier == wanted[name].specifier, name
        assert re.search(r"<\d", str(requirement.specifier)), f"{name} has no upper bound"


def test_training_requirements_are_those_of_the_package(slicer_scene, missing):
    listed = {str(requirement) for requirement in install.load_requirements(install.TRAINING_REQUIREMENTS)}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert listed == {str(Requirement(line)) for line in project["optional-dependencies"]["train"]}
    calls = missing("monai", "matplotlib")
    assert install.missing_packages() == []
    slicer_scene.dialogs.answer("Ok")
    install.ensure_packages(training=True)
    assert [call["given"] for call in calls()] == [["matplotlib<4,>=3.8"], ["--no-deps", "monai<2,>=1.4"]]


def test_slicers_own_packages_are_not_in_the_requirements():
    assert not SLICERS_OWN & {r.name.lower() for r in install.load_requirements()}
