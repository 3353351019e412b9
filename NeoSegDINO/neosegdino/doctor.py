"""Whether this machine can segment, and with what: for people, for scripts and for bug reports."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable
from typing import Any

from neosegdino import __version__, report
from neosegdino.bundle_store import find_bundle, list_bundles
from neosegdino.errors import DependencyError, NeoSegDINOError

SCHEMA = "neosegdino-doctor/1"
_IMPORTS = ("torch", "numpy", "scipy", "nibabel", "safetensors", "PIL", "tqdm", "psutil", "filelock", "reportlab")


def examine(device: str = "auto") -> dict[str, Any]:
    """Examine this machine.

    Parameters
    ----------
    device : str, optional
        Device to try, by the names of `neosegdino.device.resolve`.

    Returns
    -------
    dict
        Ready for JSON. ``ready`` is true when segmentation can work; ``problems`` says why not, each with the exit
        code of its kind.
    """
    problems: list[NeoSegDINOError] = []
    for name in _IMPORTS:
        _attempt(problems, lambda name=name: _import(name))  # type: ignore[misc]
    torch_loads = "torch" in sys.modules
    if torch_loads:
        _attempt(problems, _import_timm)
    bundles = [_bundle(found) for found in list_bundles(verify=True)]
    if not any(row["state"] == "whole" for row in bundles):
        _attempt(problems, find_bundle)
    return {
        "schema": SCHEMA,
        "neosegdino": __version__,
        "python": sys.executable,
        "system": platform.platform(),
        "versions": report.versions(),
        "torchvision": _torchvision(),
        "device": _attempt(problems, lambda: _device(device)) if torch_loads else None,
        "memory_bytes": _memory(),
        "bundles": bundles,
        "problems": [
            {
                "kind": type(error).__name__,
                "message": error.message,
                "remedy": error.remedy,
                "exit_code": error.exit_code,
            }
            for error in problems
        ],
        "ready": not problems,
    }


def as_text(found: dict[str, Any]) -> str:
    """Return what `examine` found, for people."""
    versions = ", ".join(f"{name} {version or 'missing'}" for name, version in found["versions"].items())
    memory = {name: f"{size / (1 << 30):.1f} GiB" for name, size in found["memory_bytes"].items()}
    device = found["device"]
    lines = [
        f"NeoSegDINO  {found['neosegdino']}",
        f"System      {found['system']}",
        f"Python      {found['python']}",
        f"Versions    {versions}",
        f"torchvision {found['torchvision']}",
        f"Memory      {memory['available']} free of {memory['total']}",
        f"Device      {device['line'] if device else 'none'}",
    ]
    lines += [f"            {note}" for note in (device or {}).get("notes", [])]
    lines += [
        f"Bundle      {row['name']} {row['version'] or ''} {row['state']} ({row['folder']})" for row in found["bundles"]
    ]
    for problem in found["problems"]:
        lines += [f"Problem     {problem['message']}", f"            {problem['remedy']}"]
    lines.append("Ready to segment." if found["ready"] else "Segmentation cannot work here yet.")
    return "\n".join(lines)


def _attempt(problems: list[NeoSegDINOError], act: Callable[[], Any]) -> Any:
    try:
        return act()
    except NeoSegDINOError as error:
        problems.append(error)
        return None


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:  # a shared library that does not fit raises the latter two
        raise DependencyError(
            f"The Python package {name} does not load: {error}.", "Install it again: python -m pip install neosegdino."
        ) from error


def _import_timm() -> None:
    from neosegdino.backbone import import_timm

    import_timm()


def _torchvision() -> str:
    if "torchvision" not in sys.modules:
        return "does not load"
    extension = importlib.import_module("torchvision.extension")
    return "loads" if extension._has_ops() else "loads without its compiled part, which is not needed"


def _device(name: str) -> dict[str, Any]:
    from neosegdino.device import describe, resolve

    choice = resolve(name)
    return describe(choice) | {"notes": list(choice.notes)}


def _memory() -> dict[str, int]:
    import psutil

    memory = psutil.virtual_memory()
    return {"available": int(memory.available), "total": int(memory.total)}


def _bundle(found: Any) -> dict[str, Any]:
    return {
        "name": found.folder.name,
        "version": found.bundle.spec.version if found.bundle else None,
        "folder": str(found.folder),
        "state": "whole" if found.bundle else f"broken: {found.problem.message}",
    }
