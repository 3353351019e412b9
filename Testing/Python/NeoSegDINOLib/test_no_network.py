"""Opening the panel and choosing a volume ask no network and load nothing heavy: seen in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
MODULE_FILE = REPOSITORY / "NeoSegDINO" / "NeoSegDINO.py"
HEAVY = ("torch", "torchvision", "timm", "monai", "nibabel", "scipy", "safetensors", "huggingface_hub", "requests")

SCRIPT = """
import json, socket, sys
import rig

session = rig.boot()
calls, heavy = [], set(json.loads(sys.argv[2]))
before = set(sys.modules)

def refuse(*arguments, **options):
    calls.append(repr(arguments))
    raise OSError("no network in this test")

for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse)
for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "create_connection"):
    setattr(socket, name, refuse)
sys.addaudithook(lambda event, _given: calls.append(event) if event in ("socket.connect", "urllib.Request") else None)

if sys.argv[3] == "ask":
    try:
        socket.create_connection(("example.org", 80))
    except OSError:
        pass
started = []
sys.addaudithook(lambda event, given: started.append(str(given[1])) if event == "subprocess.Popen" else None)
module = session.load_module(sys.argv[1])
panel = module.widgetRepresentation()
panel.enter()
from module_samples.volumes import add_volume
add_volume("first")
volume = add_volume("second")
ui = panel.self().ui
ui.inputSelector.setCurrentNode(volume)
for index in range(ui.tabWidget.count):
    ui.tabWidget.currentIndex = index
session.process_events()
assert ui.segmentButton.enabled, ui.segmentButton.toolTip
assert session.problems.take() == []
loaded = sorted({name.partition(".")[0] for name in set(sys.modules) - before} & heavy)
print(json.dumps({"calls": calls, "heavy": loaded, "started": started}))
"""


def seen(what: str = "") -> dict[str, list[str]]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "Testing")}
    command = [sys.executable, "-c", SCRIPT, str(MODULE_FILE), json.dumps(HEAVY), what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_opening_and_choosing_ask_no_network_load_nothing_heavy_and_start_no_process():
    assert seen() == {"calls": [], "heavy": [], "started": []}


def test_a_call_to_the_network_would_be_seen():
    assert len(seen("ask")["calls"]) == 1
