"""Stand-in for the module PyTorchUtils of the extension SlicerPyTorch."""
# ruff: noqa: N802, N803 (the names are the extension's)

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from dataclasses import dataclass, field
from typing import Any

MODULE = "PyTorchUtils"


@dataclass
class State:
    """What the stand-in pretends, set by a test.

    Attributes
    ----------
    torch : bool
        Whether torch counts as installed.
    consent : bool
        Whether the user agrees when asked to install it.
    calls : list of dict
        Arguments of each `installTorch`.
    """

    torch: bool = True
    consent: bool = True
    calls: list[dict[str, Any]] = field(default_factory=list)


state = State()


class PyTorchUtilsLogic:
    """What the extension offers to other modules."""

    @staticmethod
    def torchInstalled() -> bool:
        return state.torch and importlib.util.find_spec("torch") is not None

    def installTorch(
        self,
        askConfirmation: bool = False,
        forceComputationBackend: str | None = None,
        torchVersionRequirement: str | None = None,
        torchvisionVersionRequirement: str | None = None,
    ) -> Any:
        """Record the call; torch, or None when the user declines."""
        state.calls.append(
            {
                "askConfirmation": askConfirmation,
                "forceComputationBackend": forceComputationBackend,
                "torchVersionRequirement": torchVersionRequirement,
                "torchvisionVersionRequirement": torchvisionVersionRequirement,
            }
        )
        if askConfirmation and not state.consent:
            return None
        state.torch = True
        return self.torch

    @property
    def torch(self) -> Any:
        if not state.torch:
            self.installTorch()
        import torch

        return torch

    def getDevice(self) -> Any:
        return self.torch.device("cpu")

    def getPyTorchHubModel(self, *_arguments: object) -> Any:
        raise RuntimeError("the rig has no PyTorch hub")


def install() -> None:
    """Make ``import PyTorchUtils`` work, as with the extension installed."""
    module: Any = types.ModuleType(MODULE)
    module.__spec__ = importlib.machinery.ModuleSpec(MODULE, None)
    module.PyTorchUtilsLogic = PyTorchUtilsLogic
    sys.modules[MODULE] = module


def remove() -> None:
    """Make ``import PyTorchUtils`` fail, as without the extension."""
    sys.modules[MODULE] = None  # type: ignore[assignment]


def reset() -> None:
    """Install the extension again, with torch in it and no calls recorded."""
    state.torch, state.consent = True, True
    state.calls.clear()
    install()
