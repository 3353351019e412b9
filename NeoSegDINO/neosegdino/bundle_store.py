"""Where bundles are found, and how a new one gets there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from neosegdino import bundle_archive
from neosegdino.bundle import Bundle, load_bundle
from neosegdino.bundle_check import MANIFEST
from neosegdino.errors import BundleError
from neosegdino.folders import cannot_write, discard, move_into_place, private_folder, remove_leftovers, user_folder
from neosegdino.locks import locked

DEFAULT = "neonatal-starter"
"""The bundle that ships with the package."""
VARIABLE = "NEOSEGDINO_MODELS"
"""Environment variable that names a folder of bundles, searched first and installed into."""
_LOCK = ".lock"


class InstalledAlready(BundleError):
    """A bundle of the same name is installed, and nobody said that it may be replaced."""


@dataclass(frozen=True)
class Found:
    """A bundle's place in the store: the bundle, or why it cannot be used.

    Attributes
    ----------
    folder : Path
        Where it is.
    bundle : Bundle or None
        None when it is broken.
    problem : BundleError or None
        Why it is broken.
    """

    folder: Path
    bundle: Bundle | None
    problem: BundleError | None = None

    @property
    def shipped(self) -> bool:
        """Whether it came with the package."""
        return self.folder.parent in _shipped_folders()


def search_folders() -> list[Path]:
    """Return the folders of bundles, first one first; not all need exist."""
    named = os.environ.get(VARIABLE)
    own = [Path(named)] if named else []
    return [*own, user_folder() / "models", *_shipped_folders()]


def install_folder() -> Path:
    """Return the folder that new bundles go to: the environment's, else the user's."""
    return search_folders()[0]


def find_bundle(name_or_path: str | Path | None = None, *, verify: bool = True) -> Bundle:
    """Find a bundle.

    Parameters
    ----------
    name_or_path : str or Path or None
        A bundle's folder, or the name of one in the store; None is the one that ships with the package.
    verify : bool, optional
        Whether to compare its files with their hashes.

    Raises
    ------
    BundleError
        There is none, or it is damaged.
    """
    asked = Path(name_or_path or DEFAULT)
    if asked.is_dir() and (asked / MANIFEST).exists():
        return load_bundle(asked, verify=verify)
    if asked.name != str(asked):
        raise BundleError(f"There is no model bundle at {asked}.", f"Give a folder that holds a {MANIFEST}.")
    for folder in _candidates():
        if folder.name == asked.name:
            return _load_named(folder, verify=verify)
    raise _unknown(asked.name)


def list_bundles(*, verify: bool = False) -> list[Found]:
    """List the bundles of the store, first found first; a name found again further on is hidden by the first."""
    found: dict[str, Found] = {}
    for folder in _candidates():
        if folder.name not in found:
            found[folder.name] = _examine(folder, verify=verify)
    return list(found.values())


def install_bundle(source: str | Path, target_root: str | Path | None = None, *, replace: bool = False) -> Bundle:
    """Install a bundle from a folder or a zip archive.

    It is unpacked or copied into a temporary folder, verified there, and moved into place when whole; until then an
    installed bundle of the same name stays as it is.

    Parameters
    ----------
    source : str or Path
        Bundle folder or .zip file.
    target_root : str or Path, optional
        Folder of bundles to install into; by default `install_folder`.
    replace : bool, optional
        Whether an installed bundle of the same name may be replaced.

    Raises
    ------
    InstalledAlready
        One of that name is installed and `replace` is not set.
    BundleError
        The source is no whole, valid bundle.
    OutputError
        Writing failed.
    """
    source, root = Path(source), Path(target_root) if target_root is not None else install_folder()
    remove_leftovers(root)
    with private_folder(root) as workplace:
        unpacked = workplace / "bundle"
        _bring(source, unpacked)
        new = load_bundle(unpacked)
        target = root / new.spec.name
        with _only_one(root):
            if target.exists() and not replace:
                raise InstalledAlready(
                    f"A bundle named {new.spec.name} is installed already in {root}.", "Add --replace to replace it."
                )
            move_into_place(unpacked, target)
    return Bundle(target, new.spec)


def remove_bundle(name: str) -> Path:
    """Remove an installed bundle, whole or broken; return where it was.

    Raises
    ------
    BundleError
        There is none of that name, or it came with the package.
    OutputError
        It cannot be removed.
    """
    for found in list_bundles():
        if found.folder.name == name:
            if found.shipped:
                raise BundleError(f"The bundle {name} came with NeoSegDINO and stays.", "Only installed ones can go.")
            with _only_one(found.folder.parent):
                discard(found.folder)
            return found.folder
    raise _unknown(name)


def _only_one(root: Path) -> AbstractContextManager[None]:
    """Let one process at a time change the bundles of a folder."""
    return locked(root / _LOCK, BundleError(f"Another process is changing the bundles in {root}.", "Try again."))


def _bring(source: Path, target: Path) -> None:
    if source.is_dir():
        bundle = load_bundle(source)
        bundle_archive.check_size(sum(entry.bytes for entry in bundle.spec.files.values()), source)
        try:
            target.mkdir()
            for name in (MANIFEST, *bundle.spec.files):
                shutil.copyfile(source / name, target / name, follow_symlinks=False)
        except OSError as error:
            raise cannot_write(target, error) from error
    elif source.is_file():
        bundle_archive.unpack(source, target)
    else:
        raise BundleError(f"There is no file or folder {source}.", "Give a bundle's folder or its .zip file.")


def _unknown(name: str) -> BundleError:
    names = sorted({folder.name for folder in _candidates()})
    return BundleError(
        f"No model bundle named {name!r} is installed.",
        f"Installed: {', '.join(names) or 'none'}. 'neosegdino models install' adds one.",
    )


def _shipped_folders() -> list[Path]:
    package = Path(__file__).resolve().parent
    return [package / "models", package.parent / "Resources" / "Models"]


def _candidates() -> Iterator[Path]:
    for root in search_folders():
        if root.is_dir():
            yield from sorted(folder for folder in root.iterdir() if (folder / MANIFEST).exists() and _visible(folder))


def _visible(folder: Path) -> bool:
    return not folder.name.startswith(".")


def _examine(folder: Path, *, verify: bool) -> Found:
    try:
        return Found(folder, _load_named(folder, verify=verify))
    except BundleError as error:
        return Found(folder, None, error)


def _load_named(folder: Path, *, verify: bool) -> Bundle:
    bundle = load_bundle(folder, verify=verify)
    if bundle.spec.name != folder.name:
        raise BundleError(
            f"The folder {folder} holds a bundle of another name, {bundle.spec.name}.",
            "Rename the folder to that name.",
        )
    return bundle
