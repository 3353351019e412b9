"""Model bundles: a folder with ``bundle.json`` and safetensors, everything needed to segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from neosegdino import bundle_check, files
from neosegdino.bundle_check import MANIFEST
from neosegdino.errors import BundleError
from neosegdino.folders import cannot_write, move_into_place, private_folder
from neosegdino.spec import SCHEMA, BundleSpec, FileEntry

if TYPE_CHECKING:
    from torch import Tensor

CURVES = "curves.csv"
"""Learning curves, which a fine-tuning run leaves in its bundle."""
_MANIFEST_LIMIT = 1 << 20  # bytes; a description is a few kilobytes


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk whose description has been read and checked.

    Attributes
    ----------
    folder : Path
        Where its files are.
    spec : BundleSpec
        Its description.
    """

    folder: Path
    spec: BundleSpec

    @property
    def sha256(self) -> str:
        """SHA-256 of ``bundle.json``; as that holds the hashes of all files, it identifies the whole bundle."""
        return files.sha256(self.folder / MANIFEST)

    @property
    def fine_tuned(self) -> bool:
        """Whether a fine-tuning run has made it."""
        return CURVES in self.spec.files

    @property
    def bytes(self) -> int:
        """Bytes of all its files but the description."""
        return sum(entry.bytes for entry in self.spec.files.values())

    def path(self, name: str) -> Path:
        """Return the path of a listed file.

        Raises
        ------
        BundleError
            The bundle lists no such file.
        """
        if name not in self.spec.files:
            raise BundleError(f"The bundle {self.spec.name} has no file {name!r}.", "Correct the name in bundle.json.")
        return self.folder / name

    def state(self, name: str) -> dict[str, Tensor]:
        """Read tensors from a listed safetensors file, widened to float32.

        Raises
        ------
        BundleError
            The file is not listed, missing or damaged.
        """
        tensors = self.stored(name)
        return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}

    def stored(self, name: str) -> dict[str, Tensor]:
        """Read tensors from a listed safetensors file in the types that it has.

        Raises
        ------
        BundleError
            The file is not listed, missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self.path(name))
        except (SafetensorError, OSError) as error:
            raise BundleError(f"{self.folder}: {name} cannot be read: {error}.", "Install the bundle again.") from error


def load_bundle(folder: str | Path, *, verify: bool = True) -> Bundle:
    """Read and check a bundle.

    Parameters
    ----------
    folder : str or Path
        The bundle's folder.
    verify : bool, optional
        Whether to compare every file with its SHA-256; presence and sizes are checked always.

    Raises
    ------
    BundleError
        Missing, of another schema (the message names the field), or damaged.
    """
    folder = Path(folder)
    spec = read_spec(folder / MANIFEST)
    try:
        bundle_check.check_files(folder, spec, hashes=verify)
    except OSError as error:
        raise BundleError(f"{folder} cannot be read: {error}.", "Check your permissions on that folder.") from error
    return Bundle(folder, spec)


def read_spec(path: Path) -> BundleSpec:
    """Read and check one ``bundle.json``; the files beside it are not looked at.

    Raises
    ------
    BundleError
        Missing, not JSON, of another schema (the message names the field), or inconsistent.
    """
    if path.is_symlink() or not path.is_file():
        raise BundleError(
            f"{path.parent} is not a model bundle: it has no {MANIFEST}.", "Give the bundle's own folder."
        )
    try:
        spec = msgspec.json.decode(_content(path), type=BundleSpec)
    except msgspec.ValidationError as error:
        raise BundleError(
            f"{path} does not follow the schema {SCHEMA}: {error}.",
            "Correct the named field, or use the release of NeoSegDINO that the bundle was made for.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is not valid JSON: {error}.", "Get the bundle again from its source.") from error
    bundle_check.check_spec(spec, path)
    return spec


def _content(path: Path) -> bytes:
    """Read a description; another process may replace or remove it at any time."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_MANIFEST_LIMIT + 1)
    except FileNotFoundError as error:
        raise BundleError(
            f"{path} went while it was read.", "Another program changes this bundle: try again."
        ) from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error}.", "Check your permissions on that file.") from error
    if len(content) > _MANIFEST_LIMIT:
        raise BundleError(f"{path} is too large to be a bundle's description.", "Get the bundle again from its source.")
    return content


def write_bundle(
    folder: str | Path,
    spec: BundleSpec,
    tensors: Mapping[str, Mapping[str, Tensor]],
    extra_files: Mapping[str, str | bytes] | None = None,
    *,
    replace: bool = False,
) -> Bundle:
    """Write a bundle; it appears whole or not at all.

    Parameters
    ----------
    folder : str or Path
        Folder to make; the one above need not exist.
    spec : BundleSpec
        Description; its ``files`` are filled in here.
    tensors : mapping
        For each safetensors file its tensors by name.
    extra_files : mapping, optional
        Further files (card, licence, notices): text or bytes by name.
    replace : bool, optional
        Whether a bundle standing there is replaced.

    Raises
    ------
    BundleError
        The folder exists, or the result would not be a valid bundle.
    OutputError
        Writing failed.
    """
    folder = Path(folder)
    if folder.exists() and not replace:
        raise BundleError(f"{folder} exists already.", "Choose another name, or ask for it to be replaced.")
    with private_folder(folder.parent) as workplace:
        built = workplace / "bundle"
        try:
            built.mkdir()
            _write_parts(built, tensors, extra_files or {})
            described = msgspec.structs.replace(spec, files=_entries(built))
            (built / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n")
        except OSError as error:
            raise cannot_write(folder, error) from error
        load_bundle(built)
        move_into_place(built, folder)
    return Bundle(folder, described)


def _write_parts(
    folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], extra_files: Mapping[str, str | bytes]
) -> None:
    for name in (*tensors, *extra_files):
        if problem := bundle_check.name_problem(name):
            raise BundleError(f"Cannot write a bundle: {problem}.", "Choose another file name.")
    for name, state in tensors.items():
        files.save_tensors(state, folder / name)
    for name, content in extra_files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _entries(folder: Path) -> dict[str, FileEntry]:
    return {path.name: FileEntry(files.sha256(path), path.stat().st_size) for path in sorted(folder.iterdir())}


def schema() -> dict[str, Any]:
    """Return the JSON schema of ``bundle.json``."""
    return msgspec.json.schema(BundleSpec)
