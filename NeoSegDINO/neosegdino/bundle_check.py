"""What must hold in a bundle beyond the types of its fields: file names, references between parts, contents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from neosegdino import files
from neosegdino.errors import BundleError
from neosegdino.spec import BundleSpec

MANIFEST = "bundle.json"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SUFFIXES = frozenset({".safetensors", ".json", ".md", ".txt", ".png", ".csv"})
_DEBRIS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""Written into any folder by file managers; harmless and ignored."""
_ANEW = "Get the bundle again from its source."
_CORRECT = f"Correct {MANIFEST}, or get the bundle again from its source."


def check_spec(spec: BundleSpec, source: Path) -> None:
    """Check names and references between the parts.

    Raises
    ------
    BundleError
        The first thing that is wrong, with its field.
    """
    for problem in _problems(spec):
        raise BundleError(f"{source}: {problem}.", _CORRECT)


def _problems(spec: BundleSpec) -> Iterator[str]:
    if not _PLAIN_NAME.fullmatch(spec.name):
        yield f"$.name: {spec.name!r} is not a plain name"
    for name in spec.files:
        if problem := name_problem(name):
            yield f"$.files: {problem}"
    for field, name in _weight_files(spec):
        if not name.endswith(".safetensors"):
            yield f"{field}: {name!r} is not a .safetensors file"
        elif name not in spec.files:
            yield f"{field}: {name} is not listed in $.files"
    yield from _class_problems(spec)
    yield from _part_problems(spec)


def _class_problems(spec: BundleSpec) -> Iterator[str]:
    labels = [part.label for part in spec.classes]
    for label in _repeated(labels):
        yield f"$.classes: the label {label} is used twice"
    if any(label > 255 for label in labels):
        yield "$.classes: labels go up to 255"
    if sorted(part.side for part in spec.classes) != ["left", "right"]:
        yield "$.classes: one left and one right class are needed, and no other"
    if any(not 0 <= value <= 1 for part in spec.classes for value in part.color):
        yield "$.classes: colours go from 0 to 1"


def _part_problems(spec: BundleSpec) -> Iterator[str]:
    if not spec.encoder.blocks:
        yield "$.encoder.blocks: at least one block is needed"
    if spec.encoder.slab % 2 == 0:
        yield "$.encoder.slab: an odd number is needed"
    if spec.decoder.arms == "per-window" and spec.windows.counts is None:
        yield "$.windows.counts: arms per window need a fixed cut"
    if spec.decoder.arms == "per-window" and spec.windows.mirrored:
        yield "$.windows.mirrored: arms per window know one place each, and a mirror exchanges places"
    if spec.windows.default == "located" and spec.locator is None:
        yield "$.windows.default: located windows need a locator"
    if spec.age_weeks is not None and spec.age_weeks[0] > spec.age_weeks[1]:
        yield "$.age_weeks: the lowest age comes first"


def _weight_files(spec: BundleSpec) -> Iterator[tuple[str, str]]:
    if spec.encoder.weights.source == "bundle":
        yield "$.encoder.weights.file", spec.encoder.weights.file
    yield "$.decoder.file", spec.decoder.file
    if spec.locator is not None:
        yield "$.locator.decoder.file", spec.locator.decoder.file


def _repeated(values: Iterable[int]) -> list[int]:
    return [value for value, count in Counter(values).items() if count > 1]


def name_problem(name: str) -> str:
    """Say what is wrong with the name of a bundle's file; empty when nothing is."""
    if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST:
        return f"{name!r} is not a plain file name"
    if Path(name).suffix not in _SUFFIXES:
        return f"{name} is of a kind that a bundle may not hold (allowed: {', '.join(sorted(_SUFFIXES))})"
    return ""


def is_debris(name: str) -> bool:
    """Tell whether a file is one that file managers strew about."""
    return name in _DEBRIS or name.startswith("._")


def check_files(folder: Path, spec: BundleSpec, *, hashes: bool) -> None:
    """Check that the folder holds the listed files, whole, and nothing else.

    Parameters
    ----------
    folder : Path
        The bundle's folder.
    spec : BundleSpec
        Its description.
    hashes : bool
        Whether to read every file for its SHA-256; presence and sizes are checked always.

    Raises
    ------
    BundleError
        A file is missing, surplus, a link, of another size or of another hash.
    """
    present = {entry.name for entry in folder.iterdir() if not is_debris(entry.name)}
    if surplus := sorted(present - set(spec.files) - {MANIFEST}):
        raise BundleError(
            f"{folder} holds files that {MANIFEST} does not list: {', '.join(surplus[:5])}.",
            "Remove them: a bundle holds only what it lists.",
        )
    for name, entry in spec.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise BundleError(f"{folder}: the file {name} is missing or not a plain file.", _ANEW)
        if path.stat().st_size != entry.bytes:
            raise BundleError(
                f"{folder}: {name} has {path.stat().st_size} bytes, {entry.bytes} are stated; it is damaged.", _ANEW
            )
        if hashes and files.sha256(path) != entry.sha256:
            raise BundleError(f"{folder}: {name} is damaged or altered (its SHA-256 differs).", _ANEW)
