"""What an import brings with it, seen in fresh processes where the unwanted cannot be imported at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import neosegdino
import pytest

PACKAGE = Path(neosegdino.__file__).parent
SLICER = ("slicer", "qt", "vtk", "ctk", "vtkmodules", "PythonQt", "PySide6", "rig")
HEAVY = ("torch", "torchvision", "timm", "monai")
LIGHT_MODULES = (
    "neosegdino",
    "neosegdino.spec",
    "neosegdino.errors",
    "neosegdino.progress",
    "neosegdino.bundle",
    "neosegdino.bundle_archive",
    "neosegdino.bundle_check",
    "neosegdino.bundle_store",
    "neosegdino.cases.preflight",
    "neosegdino.cases.source",
    "neosegdino.recipes.albert",
    "neosegdino.cli",
    "neosegdino.cli.segment",
    "neosegdino.cli.models",
    "neosegdino.cli.doctor",
)
WORKING_MODULES = ("neosegdino.segment", "neosegdino.snapshot", "neosegdino.training.two_pass")

PROGRAM = """
import importlib, importlib.abc, sys

class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(name + " is not to be imported here")

sys.meta_path.insert(0, Wall())
sys.path.insert(0, {package!r})
for name in {modules!r}:
    importlib.import_module(name)
loaded = {{name.partition(".")[0] for name in sys.modules}}
assert not loaded & set({blocked!r}), loaded
{then}
print("done")
"""


def run(modules: tuple[str, ...], blocked: tuple[str, ...], then: str = "") -> str:
    program = PROGRAM.format(blocked=blocked, package=str(PACKAGE.parent), modules=modules, then=then)
    # Isolated, so that no environment variable, user folder or file of this folder helps.
    result = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_descriptions_and_the_command_line_load_nothing_heavy(module: str) -> None:
    assert run((module,), SLICER + HEAVY) == "done\n"


@pytest.mark.parametrize("module", WORKING_MODULES)
def test_the_work_needs_neither_slicer_nor_the_training_packages(module: str) -> None:
    assert run((module,), (*SLICER, "monai")) == "done\n"


def test_a_stored_result_is_measured_and_told_with_slicers_own_packages() -> None:
    """Scenes are opened before the packages are installed."""
    installed = ("msgspec", "nibabel", "click", "tqdm", "safetensors", "reportlab")
    modules = tuple(f"neosegdino.{name}" for name in ("measure", "report", "table", "age", "flags"))
    assert run(modules, SLICER + HEAVY + installed) == "done\n"


def test_every_module_of_the_package_loads_without_slicer() -> None:
    parts = (path.relative_to(PACKAGE.parent).with_suffix("").parts for path in PACKAGE.rglob("*.py"))
    names = tuple(sorted(".".join(part) for part in parts if part[-1] not in ("__init__", "__main__")))
    assert "neosegdino.segment" in names
    assert run(names, (*SLICER, "monai")) == "done\n"


def test_help_is_printed_without_anything_heavy() -> None:
    then = "from click.testing import CliRunner\nfrom neosegdino.cli import main\n"
    then += "print(CliRunner().invoke(main, ['--help']).output)"
    assert "segment" in run(("neosegdino.cli",), SLICER + HEAVY, then)


def test_the_wall_holds() -> None:
    """The tests above can fail."""
    with pytest.raises(AssertionError, match="torch is not to be imported here"):
        run(("neosegdino.windows",), HEAVY)
