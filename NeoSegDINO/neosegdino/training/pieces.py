"""A file in pieces that are small enough to travel anywhere, such as a checkpoint on its way to another machine.

Nothing is narrowed: weights, the optimiser's moments and the state of the random numbers travel in the types that
they have. A run that goes on from float16 moments would be another one than the uninterrupted run (second moments of
small gradients underflow in them); weights are narrowed once, when a stage's result is written.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from neosegdino.errors import TrainingError
from neosegdino.files import atomic_path
from neosegdino.folders import move_into_place, private_folder
from neosegdino.spec import FileEntry, Spec

LARGEST = 16_000_000
"""Bytes of a piece."""
INDEX = "index.json"
_ANEW = "Bring that piece again from where the file was split."


class Index(Spec, frozen=True):
    """What the pieces of a file are, in order, and what they are together."""

    name: str
    """Of the file."""
    whole: FileEntry
    pieces: dict[str, FileEntry]


def split(path: Path, folder: Path) -> Index:
    """Cut a file into a new folder of pieces and their index; the folder appears whole or not at all.

    Raises
    ------
    TrainingError
        The file cannot be read, or the folder exists.
    OutputError
        Writing failed.
    """
    if folder.exists():
        raise TrainingError(f"{folder} exists already.", "Choose another folder for the pieces.")
    with private_folder(folder.parent) as workplace:
        built = workplace / "pieces"
        built.mkdir()
        index = _cut(path, built)
        with atomic_path(built / INDEX) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")
        move_into_place(built, folder)
    return index


def _cut(path: Path, folder: Path) -> Index:
    pieces: dict[str, FileEntry] = {}
    whole, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while content := stream.read(LARGEST):
                whole.update(content)
                size += len(content)
                name = f"{len(pieces):04d}.piece"
                pieces[name] = FileEntry(hashlib.sha256(content).hexdigest(), len(content))
                with atomic_path(folder / name) as temporary:
                    temporary.write_bytes(content)
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror or error}.", "Give a file to be split.") from error
    return Index(path.name, FileEntry(whole.hexdigest(), size), pieces)


def join(folder: Path, path: Path) -> Index:
    """Put the pieces of a folder together again; the file appears whole, every piece checked, or not at all.

    Raises
    ------
    TrainingError
        No index, or a piece that is missing, damaged or of another file.
    OutputError
        Writing failed.
    """
    index = _read_index(folder)
    surplus = sorted({found.name for found in folder.glob("*.piece")} - set(index.pieces))
    if surplus:
        raise TrainingError(
            f"{folder} holds pieces of another file: {', '.join(surplus[:5])}.", "Give every file a folder of its own."
        )
    whole = hashlib.sha256()
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        for name, entry in index.pieces.items():
            content = _read_piece(folder / name, entry)
            whole.update(content)
            stream.write(content)
        if whole.hexdigest() != index.whole.sha256:
            raise TrainingError(f"{folder / INDEX} is damaged: the pieces make another file.", "Bring it again.")
    return index


def _read_index(folder: Path) -> Index:
    path = folder / INDEX
    try:
        index = msgspec.json.decode(path.read_bytes(), type=Index)
    except OSError as error:
        raise TrainingError(
            f"{folder} is not a folder of pieces: {INDEX} cannot be read ({error.strerror or error}).",
            "Give the folder that split has made.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is damaged: {error}.", "Bring it again.") from error
    if stray := [name for name in index.pieces if Path(name).name != name]:
        raise TrainingError(f"{path} is damaged: {stray[0]!r} is not the name of a piece.", "Bring it again.")
    return index


def _read_piece(path: Path, entry: FileEntry) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainingError(f"The piece {path} cannot be read: {error.strerror or error}.", _ANEW) from error
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise TrainingError(f"The piece {path} is damaged or of another file.", _ANEW)
    return content
