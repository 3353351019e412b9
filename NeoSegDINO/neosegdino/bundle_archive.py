"""Unpacking a bundle from a zip archive that nobody vouches for."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from neosegdino.bundle_check import MANIFEST, is_debris, name_problem
from neosegdino.errors import BundleError
from neosegdino.folders import cannot_write

MAX_BYTES = 4 << 30
MAX_ENTRIES = 10_000
_CHUNK = 1 << 20
_ANEW = "Get the archive again from its source."


def check_size(size: int, source: Path) -> None:
    """Raise a `BundleError` when a bundle is larger than allowed."""
    if size > MAX_BYTES:
        raise BundleError(
            f"{source} is larger than a bundle may be ({MAX_BYTES >> 20} MiB).", "Check that it is a model bundle."
        )


def unpack(archive: Path, target: Path) -> None:
    """Unpack a bundle into a new folder.

    ``bundle.json`` stands at the archive's top or in its one folder, and the other files beside it. No entry may lead
    elsewhere or be a link, and sizes are counted while unpacking, as the stated ones may lie.

    Raises
    ------
    BundleError
        Not a zip archive of a bundle, unsafe, damaged or too large.
    OutputError
        Writing failed.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, archive)
            target.mkdir()
            _extract(opened, members, archive, target)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BundleError(f"{archive} is not a whole zip archive: {error}.", _ANEW) from error
    except (NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{archive} uses encryption or an unusual compression: {error}.", _ANEW) from error
    except OSError as error:
        raise cannot_write(target, error) from error


def _members(opened: zipfile.ZipFile, archive: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the archive's files by their plain name in the bundle."""
    infos = opened.infolist()
    if len(infos) > MAX_ENTRIES:
        raise BundleError(f"{archive} has more than {MAX_ENTRIES} entries.", "Check that it is a model bundle.")
    paths = {info.filename: _safe_path(info, archive) for info in infos}
    wanted = [info for info in infos if not info.is_dir() and not _is_debris(paths[info.filename])]
    tops = [paths[info.filename].parent for info in wanted if paths[info.filename].name == MANIFEST]
    if len(tops) != 1 or len(tops[0].parts) > 1:
        raise BundleError(f"{archive} is not one model bundle: no single {MANIFEST} at its top.", _ANEW)
    members: dict[str, zipfile.ZipInfo] = {}
    for info in wanted:
        path = paths[info.filename]
        unfit = path.name != MANIFEST and name_problem(path.name)
        if unfit or path.parent != tops[0] or path.name in members:
            raise BundleError(f"{archive}: the entry {info.filename!r} is not one of a bundle.", _ANEW)
        members[path.name] = info
    return members


def _safe_path(info: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    path = PurePosixPath(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    strange = "\\" in info.orig_filename or ":" in info.filename or "\0" in info.orig_filename
    if path.is_absolute() or ".." in path.parts or strange or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BundleError(
            f"{archive}: the entry {info.orig_filename!r} leads out of the bundle or is a link.",
            "Do not use this archive; get the bundle from a source you trust.",
        )
    return path


def _is_debris(path: PurePosixPath) -> bool:
    return path.parts[:1] == ("__MACOSX",) or is_debris(path.name)


def _extract(opened: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], archive: Path, target: Path) -> None:
    size = 0
    for name, info in members.items():
        with opened.open(info) as source, (target / name).open("xb") as sink:
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                check_size(size, archive)
                sink.write(chunk)
