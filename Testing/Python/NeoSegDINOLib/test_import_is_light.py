"""Slicer imports the module at its start: before any package is installed, and it must not take time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
REFUSED = [
    *(
        "torch",
        "torchvision",
        "timm",
        "nibabel",
        "safetensors",
        "msgspec",
        "click",
        "tqdm",
        "psutil",
        "huggingface_hub",
        "requests",
        "filelock",
    ),
    *("monai", "scipy", "PIL"),
]

SCRIPT = """
import builtins, importlib.util, json, sys
import rig
session = rig.boot()
refused = set(json.loads(sys.argv[1]))
for name in list(sys.modules):
    if name.split(".")[0] in refused:
        del sys.modules[name]
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in refused:
            raise ModuleNotFoundError(f"refused: {name}", name=name)
sys.meta_path.insert(0, Refuse())
module = session.load_module(sys.argv[2])
if sys.argv[3] == "open":
    widget = module.widgetRepresentation()
    widget.enter()
    print(widget.self().ui.segmentButton.toolTip)
assert not [name for name in sys.modules if name.split(".")[0] in refused]
assert session.problems.take() == []
"""


def run(what: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        SCRIPT,
        json.dumps(REFUSED),
        str(REPOSITORY / "NeoSegDINO" / "NeoSegDINO.py"),
        what,
    ]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "Testing")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_module_loads_without_any_package_to_install():
    done = run("load")
    assert done.returncode == 0, done.stderr


def test_panel_opens_without_any_package_to_install():
    done = run("open")
    assert done.returncode == 0, done.stderr
    assert "No input volume" in done.stdout
