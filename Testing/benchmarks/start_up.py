"""Import of the module file as at Slicer's start: our own time, and what must not be loaded.

    python Testing/benchmarks/start_up.py [--json FILE]

In the rig, each time in a fresh process. What Slicer itself has imported by then (slicer, qt, vtk, the scripted module
and parameter node wrappers, numpy) is imported before the clock starts; what only some of its releases have imported
(packaging, importlib.metadata, email) counts as ours. Files are in the system's cache and compiled.
"""

from __future__ import annotations

import json
import sys
import time

import figures
from figures import REPOSITORY

REPEATS = 7
MODULE_FILE = REPOSITORY / "NeoSegDINO" / "NeoSegDINO.py"
REFUSED = ("torch", "torchvision", "timm", "monai", "nibabel", "scipy", "safetensors", "huggingface_hub")
UNKNOWN = ("packaging", "importlib.metadata", "importlib_metadata", "email", "slicer.packaging")


def once() -> dict[str, object]:
    """Load the module; milliseconds, refused packages that were loaded, and whether the network was touched."""
    import numpy as np  # noqa: F401
    import rig

    rig.boot()
    import slicer.i18n
    import slicer.parameterNodeWrapper
    import slicer.ScriptedLoadableModule
    import slicer.util
    import vtk.util.numpy_support  # noqa: F401
    from rig import module

    touched: list[str] = []
    local = "socket.gethostname"  # the computer's own name is no call to the network
    sys.addaudithook(
        lambda event, _given: touched.append(event) if event.startswith("socket.") and event != local else None
    )
    for name in [name for name in sys.modules if name.startswith(UNKNOWN)]:
        del sys.modules[name]
    before = set(sys.modules)
    began = time.perf_counter()
    loaded = module.qSlicerScriptedLoadableModule(MODULE_FILE)
    imported = time.perf_counter()
    slicer.app.startupCompleted.emit()
    ended = time.perf_counter()
    names = sorted({name.partition(".")[0] for name in sys.modules} & set(REFUSED))
    return {
        "import_ms": 1e3 * (imported - began),
        "after_ms": 1e3 * (ended - imported),
        "refused": names,
        "network": touched,
        "title": loaded.title,
        "modules": len(set(sys.modules) - before),
    }


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    benchmark.parser.add_argument("--once", action="store_true", help="one process, in JSON")
    arguments = benchmark.parser.parse_args()
    if arguments.once:
        print(json.dumps(once()))
        return
    runs = figures.in_fresh_processes(__file__, REPEATS)
    sums = [run["import_ms"] + run["after_ms"] for run in runs]
    rows = [
        figures.at_most("our own time at start", sums, "ms", 50),
        figures.plain("of it import of NeoSegDINO.py", [run["import_ms"] for run in runs], "ms"),
        figures.plain("of it offering the sample once Slicer has started", [run["after_ms"] for run in runs], "ms"),
        figures.at_most("packages loaded of torch, timm, ...", [len(run["refused"]) for run in runs], "", 0),
        figures.at_most("calls to the network", [len(run["network"]) for run in runs], "", 0),
    ]
    benchmark.finish(f"NeoSegDINO.py in the rig; {REPEATS} fresh processes", rows, arguments.json)


if __name__ == "__main__":
    main()
