"""Tensors on disk under a key that says all they depend on; bounded, and safe with runs side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from neosegdino.files import atomic_path, save_tensors
from neosegdino.folders import cannot_write

if TYPE_CHECKING:
    from torch import Tensor

_SUFFIX = ".safetensors"


class FeatureCache:
    """A folder of safetensors files, one per key.

    A file appears whole or not at all, so that several processes may share the folder; two that miss the same key both
    compute it and write the same. Beyond the limit the files longest unused are removed.

    Parameters
    ----------
    folder : Path
        Made when first written to.
    limit_bytes : int
        Most bytes that the files may take together.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._held: int | None = None

    def get(self, key: str) -> dict[str, Tensor] | None:
        """Read the tensors of a key; None where there are none, or where the file is damaged (it is removed)."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self._path(key)
        try:
            tensors = load(path.read_bytes())  # at once: another process may remove the file at any moment
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError):
            with suppress(OSError):  # a folder that cannot be written
                path.unlink()
            return None
        with suppress(OSError):  # a file of another user, or one just removed by another process
            os.utime(path)  # when it was last used
        return tensors

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors under a key, and make room for them.

        Raises
        ------
        OutputError
            The folder cannot be written or the disk is full.
        """
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if size > self.limit_bytes:
            return
        try:
            self._make_room(size)
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        with atomic_path(self._path(key)) as temporary:
            save_tensors(tensors, temporary)
        self._held = (self._held or 0) + size

    def entries(self) -> list[Path]:
        """Files of the cache, longest unused first."""
        if not self.folder.is_dir():
            return []
        found = [(_used(path), path) for path in self.folder.glob(f"*{_SUFFIX}") if not path.name.startswith(".")]
        return [path for _, path in sorted(found)]

    def bytes(self) -> int:
        """Bytes that the files take."""
        return sum(_size(path) for path in self.entries())

    def clear(self) -> int:
        """Remove all files of the cache, and the folder if nothing else is in it; return the bytes freed."""
        freed = 0
        for path in self.entries():
            freed += _size(path)
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
        return freed

    def _make_room(self, size: int) -> None:
        """Remove the files longest unused; the folder is looked through only when this process believes it full."""
        if self._held is not None and self._held + size <= self.limit_bytes:
            return
        self._held = self.bytes()
        for path in self.entries():
            if self._held + size <= self.limit_bytes:
                return
            self._held -= _size(path)
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process removed it
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
