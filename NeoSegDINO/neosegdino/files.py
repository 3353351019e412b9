"""Files written whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from neosegdino.errors import OutputError

if TYPE_CHECKING:
    from torch import Tensor

_WAITS_S = (0.02, 0.05, 0.1, 0.2, 0.4)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it to `path` when the block ends well.

    The temporary name is short and ends as `path` does, so that writers which look at the suffix work. When the
    block raises, the temporary file is removed and a file that stood at `path` before is left as it was.

    Parameters
    ----------
    path : str or Path
        Where the file is to appear. Its folder must exist.

    Yields
    ------
    Path
        Not yet existing path in the same folder, to be written by the caller.

    Raises
    ------
    OutputError
        The folder is missing, or writing or renaming fails (any `OSError` of the block).
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise OutputError(
            f"Cannot write {printable(path)}: the folder {printable(path.parent)} does not exist.",
            "Create the folder or choose another one.",
        )
    temporary = path.with_name(f".neosegdino-{secrets.token_hex(8)}{_suffix(path.name)}")
    try:
        yield temporary
        _move(temporary, path)
    except OSError as error:
        raise OutputError(
            f"Cannot write {printable(path)}: {error.strerror or error}.",
            "Check the free space and your permissions on that folder, or choose another one.",
        ) from error
    finally:
        with suppress(OSError):  # a read-only file system refuses even for a file that is not there; the error is known
            temporary.unlink(missing_ok=True)


def _move(temporary: Path, path: Path) -> None:
    """Move a file into place; Windows refuses that for the moment in which somebody reads the old one."""
    for wait_s in _WAITS_S if os.name == "nt" else ():
        try:
            temporary.replace(path)
        except PermissionError:
            time.sleep(wait_s)
        else:
            return
    temporary.replace(path)


def save_tensors(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Write tensors, wherever they are, as a safetensors file.

    Raises
    ------
    OSError
        The file cannot be written or the disk is full; only the caller knows what it was for.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:  # wraps what the system said, and is no OSError
        raise OSError(str(error)) from error


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Raises
    ------
    OSError
        The file cannot be read; only the caller knows what it was for.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def printable(name: str | Path) -> str:
    """Return a name as text that can be printed and put into JSON: bytes that are no UTF-8 become backslash codes."""
    return str(name).encode("utf-8", "backslashreplace").decode("utf-8")


def resolved(path: Path) -> Path:
    """Follow all links, as `Path.resolve` does, which raises where they run in a circle."""
    return Path(os.path.realpath(path))


def _suffix(name: str) -> str:
    """Return the last suffix of a file name, with the one before it when the file is compressed."""
    suffixes = Path(name).suffixes
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])
