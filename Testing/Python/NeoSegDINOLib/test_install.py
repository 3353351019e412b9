from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
import slicer
from neosegdino.errors import DependencyError
from NeoSegDINOLib import install
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[3]
SLICERS_OWN = {"numpy", "simpleitk", "vtk", "torch", "torchvision"}


@pytest.fixture
def missing(monkeypatch):
    """Pretend that packages are missing until pip has been called for them."""

    def pretend(*names, after_pip=True):
        gone = set(names)
        real = install.is_satisfied
        monkeypatch.setattr(install, "is_satisfied", lambda r: r.name not in gone and real(r))

        def pip(requirements, *_rest, **options):
            calls.append((list(map(str, requirements)), Path(options["constraints"]).read_text()))
            if after_pip:
                gone.difference_update(r.name for r in requirements)

        def pip_install(arguments, **_options):
            *given, flag, path = arguments
            assert flag == "--constraint"
            calls.append((given, Path(path).read_text()))
            if after_pip:
                gone.difference_update(Requirement(a).name for a in given if not a.startswith("-"))

        calls: list[tuple[list[str], str]] = []
        monkeypatch.setattr(slicer.packaging, "pip_ensure", pip)
        monkeypatch.setattr(slicer.util, "pip_install", pip_install)
        return calls

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
    assert question.detail.splitlines() == ["nibabel<6,>=5.2", "timm<2,>=1.0.20"]
    assert [given for given, _held in calls] == [["nibabel<6,>=5.2"], ["--no-deps", "timm<2,>=1.0.20"]]


def test_pip_may_change_nothing_that_is_installed(slicer_scene, missing):
    calls = missing("nibabel", "timm")
    slicer_scene.dialogs.answer("Ok")
    install.ensure_packages()
    for _given, constraints in calls:
        held = dict(line.split("==") for line in constraints.splitlines())
        assert held["numpy"] == importlib.metadata.version("numpy")
        assert held["torch"] == importlib.metadata.version("torch")
        assert "nibabel" not in held
        assert "timm" not in held


def test_declined_installs_nothing_and_says_so(slicer_scene, missing):
    calls = missing("nibabel")
    slicer_scene.dialogs.answer("Cancel")
    with pytest.raises(DependencyError, match="Nothing was installed") as caught:
        install.ensure_packages()
    assert "nibabel" in caught.value.message
    assert caught.value.remedy
    assert calls == []


def test_an_installation_that_did_not_help_is_told(slicer_scene, missing):
    missing("nibabel", after_pip=False)
    slicer_scene.dialogs.answer("Ok")
    with pytest.raises(DependencyError, match="still missing: nibabel"):
        install.ensure_packages()


def test_pips_failure_is_told(slicer_scene, missing, monkeypatch):
    missing("nibabel")

    def fail(*_arguments, **_options):
        raise RuntimeError("no network")

    monkeypatch.setattr(slicer.packaging, "pip_ensure", fail)
    slicer_scene.dialogs.answer("Ok")
    with pytest.raises(DependencyError, match="no network"):
        install.ensure_packages()


def test_slicer_5_10_uses_pip_install(slicer_scene, missing, monkeypatch):
    calls = missing("nibabel")
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    slicer_scene.dialogs.answer("Ok")
    install.ensure_packages()
    assert [given for given, _held in calls] == [["nibabel<6,>=5.2"]]


def test_testing_mode_changes_nothing(slicer_scene, missing):
    calls = missing("nibabel")
    slicer_scene.app.setTesting(True)
    with pytest.raises(DependencyError, match="missing: nibabel"):
        install.ensure_packages()
    assert calls == []
    install.ensure_packages(ask=False)
    assert calls


def test_torch_comes_from_the_pytorch_extension(slicer_scene, missing):
    missing("torch", "torchvision")
    slicer_scene.torch.state.torch = False
    slicer_scene.dialogs.answer("Ok")
    with pytest.raises(DependencyError, match="still missing: torch"):  # the stand-in only pretends
        install.ensure_packages()
    (call,) = slicer_scene.torch.state.calls
    assert call["torchVersionRequirement"] == "<3,>=2.4"


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
    assert [given for given, _held in calls] == [["matplotlib<4,>=3.8"], ["--no-deps", "monai<2,>=1.4"]]


def test_slicers_own_packages_are_not_in_the_requirements():
    assert not SLICERS_OWN & {r.name.lower() for r in install.load_requirements()}
