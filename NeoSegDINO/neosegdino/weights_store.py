"""Published encoder weights on this machine: where they are, whether they are whole, and how they go."""

from __future__ import annotations

import datetime
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from neosegdino import files
from neosegdino.errors import WeightsError
from neosegdino.folders import cannot_write, discard, move_into_place, user_folder

FILE = "model.safetensors"
_RECORD = "record.json"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PART = re.compile(r"\.(?P<name>[^.]+\.[^.]+?)-(?P<size>\d+)-(?P<sha256>[0-9a-f]{64})\.part")


class Record(msgspec.Struct, frozen=True):
    """What stands beside weights."""

    sha256: str
    repository: str
    licence: str
    fetched: str


@dataclass(frozen=True)
class Name:
    """timm's name of published weights.

    Attributes
    ----------
    architecture, tag : str
        For example ``vit_small_patch16_dinov3`` and ``lvd1689m``.

    Raises
    ------
    WeightsError
        These are no such names.
    """

    architecture: str
    tag: str

    def __post_init__(self) -> None:
        if not _PLAIN.fullmatch(self.architecture) or not _PLAIN.fullmatch(self.tag):
            raise WeightsError(f"{self} is no name of published weights.", "Check architecture and tag.")

    def __str__(self) -> str:
        return f"{self.architecture}.{self.tag}"

    @property
    def folder(self) -> Path:
        """Where the weights are, or would be."""
        return weights_folder() / str(self)


@dataclass(frozen=True)
class Part:
    """A download that was begun.

    Attributes
    ----------
    path : Path
        The bytes that have come.
    size : int
        Bytes of the whole file.
    sha256 : str
        Of the whole file.
    """

    path: Path
    size: int
    sha256: str

    @property
    def bytes(self) -> int:
        """How many bytes have come."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:  # nothing has come yet, or another process has moved or removed it
            return 0


def weights_folder() -> Path:
    """Folder of this user's weights; it need not exist."""
    return user_folder() / "weights"


def names() -> list[Name]:
    """List the weights that are here."""
    folders = sorted(weights_folder().glob(f"*.*/{FILE}"))
    parts = (path.parent.name.partition(".") for path in folders if not path.parent.name.startswith("."))
    return [Name(architecture, tag) for architecture, _dot, tag in parts if _PLAIN.fullmatch(tag)]


def there(name: Name) -> bool:
    """Whether weights are here, whole or damaged."""
    return (name.folder / FILE).is_file()


def read_record(name: Name) -> Record:
    """Return what was recorded when the weights came.

    Raises
    ------
    WeightsError
        The record is missing or damaged.
    """
    path = name.folder / _RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is missing or damaged.", _again(name)) from error


def find(name: Name, expected_sha256: str = "") -> Path:
    """Return the path of weights that are here, compared with the SHA-256 recorded when they came.

    Parameters
    ----------
    name : Name
        Which weights.
    expected_sha256 : str, optional
        The SHA-256 that a bundle asks for.

    Raises
    ------
    WeightsError
        They are not here, damaged, or other ones than expected.
    """
    path = name.folder / FILE
    if not there(name):
        raise WeightsError(
            f"The encoder weights {name} are not on this computer.",
            "Get them in the panel's tab Models, or with: "
            f"neosegdino models fetch {name.architecture} --tag {name.tag}.",
        )
    recorded, digest = read_record(name).sha256, files.sha256(path)
    if digest != recorded:
        raise WeightsError(f"{path} is damaged or altered: its SHA-256 is {digest}, expected {recorded}.", _again(name))
    if expected_sha256 and digest != expected_sha256:
        raise WeightsError(
            f"{path} is not the file that the model asks for: its SHA-256 is {digest}, expected {expected_sha256}.",
            _again(name),
        )
    return path


def put(name: Name, new: Path, repository: str, licence: str) -> Path:
    """Move a folder with the file of whole, checked weights into place; former ones go only then.

    Raises
    ------
    OutputError
        It cannot be written; former weights are as they were.
    """
    record = Record(files.sha256(new / FILE), repository, licence, datetime.date.today().isoformat())
    with files.atomic_path(new / _RECORD) as temporary:
        temporary.write_bytes(msgspec.json.encode(record) + b"\n")
    move_into_place(new, name.folder)
    return name.folder / FILE


def remove(name: Name) -> None:
    """Remove weights.

    Raises
    ------
    WeightsError
        There are none.
    OutputError
        They cannot be removed.
    """
    if not name.folder.is_dir():
        raise WeightsError(f"The encoder weights {name} are not on this computer.", "Check the name.")
    discard(name.folder)


def part_of(name: Name, size: int, sha256: str) -> Part:
    """Return the place of a download; others of these weights, of content that is published no more, are removed."""
    part = Part(weights_folder() / f".{name}-{size}-{sha256}.part", size, sha256)
    for other in begun(name):
        if other != part:
            other.path.unlink(missing_ok=True)
    return part


def begun(name: Name) -> list[Part]:
    """List the downloads of weights that were begun and not finished."""
    found = ((path, _PART.fullmatch(path.name)) for path in sorted(weights_folder().glob(f".{name}-*.part")))
    return [Part(path, int(match["size"]), match["sha256"]) for path, match in found if match]


def discard_parts(name: Name) -> None:
    """Remove what was begun of a download.

    Raises
    ------
    OutputError
        It cannot be removed.
    """
    for part in begun(name):
        try:
            part.path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(part.path, error) from error


def require_space(folder: Path, size: int) -> None:
    """Check that a file finds room before its first byte comes.

    Raises
    ------
    WeightsError
        The disk is too full.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise WeightsError(
            f"{folder} has {free >> 20} MiB free; {size >> 20} MiB are needed.", "Free some disk space, then try again."
        )


def _again(name: Name) -> str:
    return f"Remove {name.folder} and get the weights again."
