"""The files of a segmentation: their names, checked before any work, and their writing, all together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from neosegdino.errors import OutputError
from neosegdino.files import printable, resolved
from neosegdino.folders import cannot_write, private_folder

if TYPE_CHECKING:
    from neosegdino.segment import Segmentation
    from neosegdino.spec import ClassSpec

_SUFFIXES = (".nii.gz", ".nii")
_LONGEST_NAME = 255
"""Where the system does not tell."""


@dataclass(frozen=True)
class Outputs:
    """One input and the files to be made of it.

    Attributes
    ----------
    source : Path
        The input.
    labels, report : Path
        Always written.
    snapshot, confidence, page : Path or None
        None when not wanted.
    """

    source: Path
    labels: Path
    report: Path
    snapshot: Path | None
    confidence: Path | None
    page: Path | None

    @property
    def paths(self) -> list[Path]:
        """All files to be written; the labels last, so that where they are, all are."""
        others = (self.report, self.snapshot, self.confidence, self.page)
        return [path for path in (*others, self.labels) if path is not None]


def plan(sources: Sequence[Path], out: Path, *, snapshot: bool, confidence: bool, page: str | None) -> list[Outputs]:
    """Name the files of every input; `page` is the kind of the page, None for none.

    Raises
    ------
    click.UsageError
        Two inputs would give the same names, or an output is an input.
    """
    stems = [_stem(source) for source in sources]
    for stem, count in Counter(stem.casefold() for stem in stems).items():
        if count > 1:
            raise click.UsageError(f"{count} inputs are named {stem}; their results would have the same names.")
    planned = [
        Outputs(
            source,
            out / f"{stem}_hippocampus.nii.gz",
            out / f"{stem}_report.json",
            out / f"{stem}_snapshot.png" if snapshot else None,
            out / f"{stem}_confidence.nii.gz" if confidence else None,
            out / f"{stem}_report.{page}" if page else None,
        )
        for source, stem in zip(sources, stems, strict=True)
    ]
    written = {resolved(path) for outputs in planned for path in outputs.paths}
    for source in sources:
        if resolved(source) in written:
            raise click.UsageError(f"{source} is an input and would be overwritten by a result.")
    return planned


def _stem(source: Path) -> str:
    for suffix in _SUFFIXES:
        if source.name.lower().endswith(suffix):
            return source.name[: -len(suffix)]
    return source.stem


def check_place(planned: Sequence[Outputs], out: Path, *, overwrite: bool) -> None:
    """Check that the results can be written, before any work.

    Raises
    ------
    OutputError
        A result exists and may not be overwritten, what bears its name is no file, or the folder cannot be written or
        not with such long names.
    """
    nearest = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    _check_names(planned, nearest)
    existing = [path for outputs in planned for path in outputs.paths if path.exists()]
    if no_files := [path for path in existing if not path.is_file()]:
        raise OutputError(
            f"{printable(no_files[0])} is no file and is not replaced by a result.",
            "Move or rename it, or choose another folder.",
        )
    if existing and not overwrite:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise OutputError(
            f"{printable(existing[0])}{more} exist already.", "Add --overwrite, or choose another folder."
        )
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(
            f"Cannot write to {printable(out)}: {printable(nearest)} is not a folder that you may write to.",
            "Choose another.",
        )


def _check_names(planned: Sequence[Outputs], place: Path) -> None:
    longest = os.pathconf(place, "PC_NAME_MAX") if hasattr(os, "pathconf") else _LONGEST_NAME
    for outputs in planned:
        too_long = [path.name for path in outputs.paths if len(os.fsencode(path.name)) > longest]
        if too_long:
            raise OutputError(
                f"Cannot write {printable(too_long[0])}: the name is longer than {longest} bytes.",
                f"Give {printable(outputs.source.name)} a shorter name.",
            )


def write(outputs: Outputs, result: Segmentation, report: dict[str, Any], classes: Sequence[ClassSpec]) -> None:
    """Write the files of one input into a private folder, then move them into place together.

    Raises
    ------
    OutputError
        Writing failed; then none of the files is new.
    """
    from neosegdino import page
    from neosegdino.snapshot import draw
    from neosegdino.volume import Volume, save_labels, save_volume

    out = outputs.labels.parent
    with private_folder(out) as folder:
        save_labels(folder / outputs.labels.name, result.labels, result.volume)
        if outputs.confidence is not None:
            confidence = Volume(result.confidence, result.volume.affine, result.volume.source)
            save_volume(folder / outputs.confidence.name, confidence)
        if outputs.snapshot is not None:
            draw(result.volume, result.labels, classes, folder / outputs.snapshot.name)
        if outputs.page is not None:
            page.write(folder / outputs.page.name, report, result.volume, result.labels, classes)
        try:
            text = msgspec.json.format(msgspec.json.encode(report), indent=2)
            (folder / outputs.report.name).write_bytes(text + b"\n")
            _publish(folder, outputs.paths)
        except OSError as error:
            raise cannot_write(out, error) from error


def _publish(folder: Path, targets: Sequence[Path]) -> None:
    """Move the files into place; should one not move, those that stood there come back."""
    aside: list[tuple[Path, Path | None]] = []
    try:
        for target in targets:
            old = folder / f"old-{target.name}" if target.exists() else None
            if old is not None:
                target.rename(old)
            aside.append((target, old))
            (folder / target.name).rename(target)
    except OSError:
        for target, old in aside:
            target.unlink(missing_ok=True)
            if old is not None:
                old.rename(target)
        raise
