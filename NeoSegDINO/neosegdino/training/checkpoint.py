"""All that a run needs to go on, in one file that is whole or not there."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from neosegdino.errors import TrainingError
from neosegdino.files import atomic_path

State = dict[str, Any]
"""Tensors, numbers, texts, and lists and dictionaries of them: what can be read without running code."""
_DAMAGED = (RuntimeError, EOFError, OSError, ValueError, LookupError, pickle.UnpicklingError, zipfile.BadZipFile)
"""What zipfile and torch raise on damaged files."""


def write_checkpoint(path: Path, state: State) -> None:
    """Write a checkpoint; until it is whole, the one before stays.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    with atomic_path(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # torch's writer says so when the system refuses a write
            raise OSError(str(error).splitlines()[0]) from error


def read_checkpoint(path: Path, device: torch.device) -> State | None:
    """Read a checkpoint; None where there is none.

    Raises
    ------
    TrainingError
        The file is damaged.
    """
    if not path.exists():
        return None
    try:
        _check_sums(path)
        state = torch.load(path, weights_only=True, map_location=device)
    except _DAMAGED as error:
        raise TrainingError(
            f"The checkpoint {path} is damaged: {(str(error) or type(error).__name__).splitlines()[0]}.",
            "Restore it from a copy, or start the run again in another folder.",
        ) from error
    if not isinstance(state, dict):
        raise TrainingError(f"{path} is not a checkpoint.", "Start the run again in another folder.")
    return state


def _check_sums(path: Path) -> None:
    """Compare every part of the file with its checksum, which torch does not look at."""
    with zipfile.ZipFile(path) as archive:
        if (part := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"{part} does not have its checksum")
