"""What a user takes away of a result: a page, a table as a file, a table on the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from neosegdino.errors import OutputError
from slicer.i18n import tr as _

from NeoSegDINOLib.measured import identifier
from NeoSegDINOLib.nodes import Node, image_of
from NeoSegDINOLib.result_views import volume_of


@dataclass(frozen=True)
class OutlinedSegment:
    """A segment as the page draws it."""

    label: int
    name: str
    color: tuple[float, float, float]


def page_writer(node: Node, report: dict[str, Any], path: Path) -> Callable[[], None]:
    """Copy what the page needs out of the scene.

    Returns
    -------
    callable
        Writes the page; touches the scene no more, so that a thread may call it.

    Raises
    ------
    OutputError
        If the volume is not in the scene any more.
    VolumeError
        If it cannot be drawn.
    """
    volume = volume_of(node)
    if volume is None:
        raise OutputError(
            _("The volume of '{name}' is not in the scene any more.").format(name=node.GetName()),
            _("Load it, and segment it again."),
        )
    image = image_of(volume)
    labels = np.zeros(image.data.shape, np.uint8)
    outlined = []
    for row in report["hippocampus"]:
        segment = node.GetSegmentation().GetSegment(identifier(row["name"]))
        if segment is None:
            continue
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, identifier(row["name"]), volume)
        labels[mask.T > 0] = row["label"]
        outlined.append(OutlinedSegment(row["label"], row["name"], segment.GetColor()))

    def write() -> None:
        from neosegdino import page

        page.write(path, report, image.to_volume(), labels, outlined)

    return write


def write_table(report: dict[str, Any], path: Path) -> None:
    """Write the figures as CSV, in the columns of the command line's tables.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from neosegdino.files import atomic_path
    from neosegdino.table import as_csv

    with atomic_path(path) as temporary:
        temporary.write_text(as_csv([report]), encoding="utf-8")


def copy_table(report: dict[str, Any]) -> None:
    """Put the figures on the clipboard, as a spreadsheet takes them."""
    from neosegdino.table import as_csv

    slicer.app.clipboard().setText(as_csv([report], "\t"))
