"""Stand-in for slicer.cli: command line modules are not in the wheel, so runs fail with words that say so."""
# ruff: noqa: N802 (the names are Slicer's)

from __future__ import annotations

from typing import Any


def createNode(module: Any, parameters: dict[str, Any] | None = None) -> Any:
    """Make a node for a module's parameters."""
    node = module.logic().CreateNodeInScene()
    setNodeParameters(node, parameters)
    return node


def setNodeParameters(node: Any, parameters: dict[str, Any] | None) -> None:
    """Fill a node for a module's parameters."""
    for name, value in (parameters or {}).items():
        node.SetParameterAsString(name, value if isinstance(value, str) else str(value))


def run(module: Any, node: Any = None, parameters: dict[str, Any] | None = None, **_options: Any) -> Any:
    """Run a command line module.

    Raises
    ------
    RuntimeError
        Always: the rig has no command line modules.
    """
    raise RuntimeError(f"the rig cannot run the command line module {getattr(module, 'name', module)}")


def runSync(module: Any, node: Any = None, parameters: dict[str, Any] | None = None, **options: Any) -> Any:
    """Run a command line module and wait."""
    return run(module, node, parameters, **options)
