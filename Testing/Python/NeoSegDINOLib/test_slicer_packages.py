"""Slicer's own Python packages are never changed, whatever the module installs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import slicer_packages
from NeoSegDINOLib import install
from packaging.requirements import Requirement

PACKAGE = Path(__file__).resolve().parents[3] / "NeoSegDINO"
FIRST_RUN = PACKAGE.parent / "Resources/Tutorials/first-run.md"
RELEASES = list(slicer_packages.releases().values())


@pytest.fixture(params=RELEASES, ids=lambda slicer: slicer.release)
def slicer(request):
    return request.param


def test_nothing_wants_another_version_than_slicer_has(slicer):
    assert slicer.packages["numpy"]
    assert slicer_packages.conflicts(slicer, slicer_packages.wanted()) == []


def test_what_the_script_asks_for_is_what_the_module_installs():
    training = install.load_requirements(install.TRAINING_REQUIREMENTS)
    assert slicer_packages.wanted() == [*install.TORCH, *install.load_requirements(), *training]
    torch, *calls = slicer_packages._calls()
    assert torch == list(slicer_packages.TORCH)
    assert calls == install.pip_calls([*install.load_requirements(), *training])


def test_a_conflict_is_found_at_any_depth(slicer):
    needs = {"alpha": ["beta>=1", "gone>=1; python_version < '3'"], "beta": ["numpy>=99", "Pillow>=1"]}
    found = slicer_packages.conflicts(slicer, [Requirement("alpha")], needs.__getitem__)
    numpy = slicer.packages["numpy"]
    assert found == [f"beta wants numpy>=99, Slicer {slicer.release} has {numpy}"]
    direct = slicer_packages.conflicts(slicer, [Requirement("scipy>=99")], needs.__getitem__)
    assert direct == [f"NeoSegDINO wants scipy>=99, Slicer {slicer.release} has {slicer.packages['scipy']}"]


def test_the_tutorial_names_what_a_slicer_without_network_lacks(slicer):
    """Those that are installed with their dependencies, and those without; torch brings filelock."""
    lines = [
        line.split() for line in FIRST_RUN.read_text("utf-8").splitlines() if line.startswith("PythonSlicer -m pip")
    ]
    told = [set(line[line.index("FOLDER") + 1 :]) for line in lines]
    calls = install.pip_calls([need for need in install.load_requirements() if need.name not in slicer.packages])
    lacking = [{Requirement(text).name for text in call if not text.startswith("-")} for call in calls]
    assert told == [lacking[0], lacking[1] | {"--no-deps"}]


@pytest.mark.slow
def test_timm_and_monai_work_without_the_dependencies_that_are_left_out():
    """They are installed with ``--no-deps``: what else they name is not there in Slicer."""
    program = """
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("huggingface_hub", "yaml", "httpx2", "hf_xet"):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Wall())
from neosegdino.backbone import import_timm
import_timm()
import monai.losses, monai.transforms, neosegdino.segment, neosegdino.training.finetune
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
