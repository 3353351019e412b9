"""Folders that appear whole or not at all, and the leftovers of killed processes."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neosegdino.errors import OutputError
from neosegdino.files import printable

_PREFIX = ".neosegdino"
HOST = re.sub(r"[^A-Za-z0-9]+", "", socket.gethostname())[:32] or "host"
"""This computer, in the names of temporary folders: a shared folder may hold those of another one."""
_NAME = re.compile(rf"{re.escape(_PREFIX)}-{HOST}-(\d+)-[0-9a-f]{{16}}(?:\+(.+))?")
"""Host, process, and for a folder that was being replaced its own name."""


def user_folder() -> Path:
    """Folder of this user's bundles, weights and accepted licences; it need not exist."""
    local = os.environ.get("LOCALAPPDATA")
    return Path(local) / "NeoSegDINO" if os.name == "nt" and local else Path.home() / ".neosegdino"


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Give a temporary folder in `parent` that only this user can read; it is removed in every case.

    Its name carries the host and the process, so that `remove_leftovers` can tell what a killed process left.

    Raises
    ------
    OutputError
        The folder cannot be made.
    """
    folder = parent / _temporary_name()
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise cannot_write(parent, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(parent: Path) -> list[Path]:
    """Remove temporary folders in `parent` whose process, of this machine, is gone; return them.

    A folder that this process was replacing, and that has got no successor, is put back.
    """
    import psutil

    if not parent.is_dir():
        return []
    removed = []
    for folder in parent.iterdir():
        match = _NAME.fullmatch(folder.name)
        if match and folder.is_dir() and not folder.is_symlink() and not psutil.pid_exists(int(match[1])):
            if match[2] and not (parent / match[2]).exists():
                folder.rename(parent / match[2])
                continue
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def move_into_place(new: Path, target: Path) -> None:
    """Move the whole folder `new` to `target`; a folder standing there is replaced, and put back should that fail.

    A link is replaced as such: what it points to may be on another disk, to which nothing can be moved at once.

    Raises
    ------
    OutputError
        A rename failed; `target` is then as it was.
    """
    old = target.with_name(f"{_temporary_name()}+{target.name}")
    replaced = target.exists()
    try:
        if replaced:
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if replaced:
                old.rename(target)
            raise
    except OSError as error:
        raise cannot_write(target, error) from error
    if replaced and old.is_symlink():  # which rmtree leaves
        with suppress(OSError):
            old.unlink()
    elif replaced:
        shutil.rmtree(old, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a folder: it is gone at once and whole, or stays as it is.

    Raises
    ------
    OutputError
        It cannot be removed.
    """
    old = folder.with_name(_temporary_name())
    try:
        folder.rename(old)
    except OSError as error:
        raise cannot_write(folder, error) from error
    shutil.rmtree(old, ignore_errors=True)


def _temporary_name() -> str:
    return f"{_PREFIX}-{HOST}-{os.getpid()}-{secrets.token_hex(8)}"


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Make the error of a failed write."""
    return OutputError(
        f"Cannot write {printable(path)}: {error.strerror or error}.",
        "Check the free space and your permissions on that folder, or choose another one.",
    )
