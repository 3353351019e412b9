"""Locks between processes: one at a time installs into a folder, downloads weights, records a licence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neosegdino.errors import NeoSegDINOError, OutputError
from neosegdino.folders import cannot_write

SHORT_WAIT_S = 30.0
"""Enough for somebody else's renames."""


@contextmanager
def locked(path: Path, busy: NeoSegDINOError, wait_s: float = SHORT_WAIT_S) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process dies, in whatever way.

    Parameters
    ----------
    path : Path
        The lock file, made with its folder; it may stay there.
    busy : NeoSegDINOError
        Raised when another process holds it.
    wait_s : float, optional
        How long to wait for the other process.

    Raises
    ------
    OutputError
        The file cannot be written, or its file system knows no locks.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise busy from error
    except OSError as error:
        raise cannot_write(path, error) from error
    except NotImplementedError as error:
        raise OutputError(
            f"The file system of {path.parent} has no locks.", "Use a folder on a disk of this computer."
        ) from error
    try:
        yield
    finally:
        lock.release()
