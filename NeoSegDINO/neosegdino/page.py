"""One page about a result, to read, print and file: what it says; `page_html` and `page_pdf` lay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neosegdino.errors import OutputError
from neosegdino.files import atomic_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from neosegdino.snapshot import Outlined
    from neosegdino.volume import Volume

SUFFIXES = ("html", "pdf")
TITLE = "Hippocampus of a newborn"
_OUTLINE = 3
"""Width of outlines in pixels, seen where the picture is printed small."""
NO_FLAGS = "None of the checks found anything. Look at the result all the same."

Lines = tuple[tuple[str, ...], ...]
"""A table: its lines, and the cells of each."""


@dataclass(frozen=True, eq=False)
class Page:
    """What a page says.

    Attributes
    ----------
    subject : str
        Name of the image.
    picture : PIL.Image.Image
        Three planes with the outlines.
    figures : lines of three cells
        What was measured, left and right; the first line is the head.
    sources : tuple of str
        Where published values come from, and what they are not.
    flags : lines of two cells
        Codes and sentences.
    facts : lines of two cells
        With what, when and where it was made.
    research_use : str
        What the result is not for.
    """

    subject: str
    picture: Image.Image
    figures: Lines
    sources: tuple[str, ...]
    flags: Lines
    facts: Lines
    research_use: str


def write(
    path: str | Path,
    report: Mapping[str, Any],
    volume: Volume,
    labels: NDArray[np.uint8],
    classes: Sequence[Outlined],
) -> None:
    """Write the page of a result as HTML, in one file, or as PDF, whichever the path ends in.

    Parameters
    ----------
    path : str or Path
        File that ends in .html or .pdf, in an existing folder.
    report : mapping
        See `neosegdino.report`.
    volume : Volume
        The image.
    labels : (x, y, z) uint8 array
        Labels on its grid.
    classes : sequence of Outlined
        Label, name and colour of what is outlined.

    Raises
    ------
    OutputError
        The name ends otherwise, or the file cannot be written.
    VolumeError
        The image has no contrast.
    """
    from neosegdino import page_html, page_pdf
    from neosegdino.snapshot import picture

    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in SUFFIXES:
        raise OutputError(f"Cannot write {path}: the name must end in .html or .pdf.", "Choose such a name.")
    page = compose(report, picture(volume, labels, classes, _OUTLINE))
    with atomic_path(path) as temporary:
        (page_html if kind == "html" else page_pdf).write(page, temporary)


def compose(report: Mapping[str, Any], picture: Image.Image) -> Page:
    """Put together what the page of a report says."""
    published = report["age"]["published"] if report["age"] else []
    return Page(
        subject=report["input"]["source"],
        picture=picture,
        figures=_figures(report, published),
        sources=_sources(report, published),
        flags=tuple((flag["code"], flag["message"]) for flag in report["flags"]),
        facts=_facts(report),
        research_use=report["research_use"],
    )


def _figures(report: Mapping[str, Any], published: Sequence[Mapping[str, Any]]) -> Lines:
    rows = {entry["side"]: entry for entry in report["hippocampus"]}
    sides = [rows[side] for side in ("left", "right")]
    return (
        ("", "Left", "Right"),
        ("Volume", *(_ml(side["volume_ml"]) for side in sides)),
        ("Mean confidence", *(_percent(side["confidence"]) for side in sides)),
        ("Asymmetry, (right - left) / mean", f"{100 * report['asymmetry']:+.1f} %", ""),
        *(
            (f"Published at {entry['weeks']} weeks [{number}]", _ml(entry["left_ml"]), _ml(entry["right_ml"]))
            for number, entry in enumerate(published, start=1)
        ),
    )


def _when(date: str) -> str:
    return datetime.fromisoformat(date).strftime("%Y-%m-%d %H:%M %z").strip()


def _ml(volume: float) -> str:
    return f"{volume:.2f} ml"


def _percent(confidence: float | None) -> str:
    return "\u2013" if confidence is None else f"{100 * confidence:.0f} %"


def _sources(report: Mapping[str, Any], published: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    if not published:
        return ()
    named = (f"[{number}] {entry['source']}." for number, entry in enumerate(published, start=1))
    return (*named, report["age"]["note"])


def _facts(report: Mapping[str, Any]) -> Lines:
    bundle, input_, versions = report["bundle"], report["input"], report["versions"]
    spacing = " x ".join(f"{side:.2f}" for side in input_["spacing_mm"])
    shape = " x ".join(str(side) for side in input_["shape"])
    age = "not given" if report["age"] is None else f"{report['age']['weeks']:g} weeks"
    return (
        ("Postmenstrual age", age),
        ("Image", f"{shape} voxels of {spacing} mm, {''.join(input_['axis_codes'])}"),
        ("Segmented", "not known" if report["date"] is None else _when(report["date"])),
        ("Model bundle", f"{bundle['name']} {bundle['version']}"),
        ("Bundle's SHA-256", bundle["sha256"]),
        ("Windows", report["windows"]["mode"]),
        ("Device", report["device"]["line"]),
        ("NeoSegDINO", report["neosegdino"]),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items() if version)),
    )
