"""The parts of the package `slicer` that the wheel leaves out: the rig's stand-ins, or Slicer's own files."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path

# Name in `slicer` -> module of the rig that stands in for it.
STAND_INS = {
    "i18n": "rig.i18n",
    "ScriptedLoadableModule": "rig.scripted_module",
    "parameterNodeWrapper": "rig.parameter_node",
    "packaging": "rig.packaging",
    "cli": "rig.cli",
}
VARIABLE = "NEOSEGDINO_SLICER_PYTHON"


def source() -> Path | None:
    """Folder ``Base/Python`` of Slicer's source that the environment names, or None.

    Raises
    ------
    FileNotFoundError
        When the variable is set and the folder is not such a folder.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    folder = Path(named)
    if not (folder / "slicer" / "ScriptedLoadableModule.py").is_file():
        raise FileNotFoundError(f"{VARIABLE}={named}: not a copy of Slicer's Base/Python")
    return folder


def prepare() -> None:
    """Make the modules ``slicer.modules`` and ``slicer.moduleNames``."""
    import slicer

    for name in ("modules", "moduleNames"):
        module = types.ModuleType(f"slicer.{name}")
        setattr(slicer, name, module)
        sys.modules[f"slicer.{name}"] = module


def complete(folder: Path | None) -> None:
    """Add what the wheel lacks, from Slicer's own files in `folder` when given."""
    import slicer

    if folder is not None:
        slicer.__path__.append(str(folder / "slicer"))
    for name, stand_in in STAND_INS.items():
        module = importlib.import_module(stand_in if folder is None else f"slicer.{name}")
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
