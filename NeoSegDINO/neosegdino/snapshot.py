"""A picture for quality control: three planes through the hippocampi with their outlines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neosegdino.files import atomic_path
from neosegdino.measure import volumes_mm3
from neosegdino.planes import (
    PLANES,
    centre_between,
    draw_outline,
    head_bounds,
    panel,
    prepare,
    view_around,
    write_letters,
)
from neosegdino.sheet import BRIGHT, Text, compose, rgb
from neosegdino.volume import Volume

_VIEW_MM = 110.0
"""Largest part of the head that is shown, around the hippocampi."""


class Outlined(Protocol):
    """What is outlined; a `neosegdino.spec.ClassSpec` is one."""

    @property
    def label(self) -> int:
        """Its label."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def color(self) -> tuple[float, float, float]:
        """RGB in 0..1."""


def draw(volume: Volume, labels: NDArray[np.uint8], classes: Sequence[Outlined], path: str | Path) -> None:
    """Write the `picture` as PNG.

    Parameters
    ----------
    volume, labels, classes
        See `picture`.
    path : str or Path
        File that ends in .png, in an existing folder.

    Raises
    ------
    OutputError
        The file cannot be written.
    VolumeError
        The image has no contrast.
    """
    image = picture(volume, labels, classes)
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def picture(volume: Volume, labels: NDArray[np.uint8], classes: Sequence[Outlined], width: int = 1) -> Image.Image:
    """Draw three planes through the labels, in radiological convention.

    Without labels the planes go through the centre of the head.

    Parameters
    ----------
    volume : Volume
        Image in any orientation.
    labels : (x, y, z) uint8 array
        Labels on the grid of `volume`.
    classes : sequence of Outlined
        Label, name and colour of what is outlined.
    width : int, optional
        Width of the outlines in pixels.

    Raises
    ------
    VolumeError
        The image has no contrast.
    """
    shown = prepare(volume)
    head = head_bounds(shown)
    centre = centre_between(labels, volume.affine)
    view = view_around(head, centre, _VIEW_MM)
    cut = head.mean(axis=1) if centre is None else centre
    panels = []
    for plane in PLANES:
        made = panel(shown, plane, cut, view)
        for part in classes:
            draw_outline(made, labels == part.label, volume.affine, rgb(part.color), width)
        write_letters(made, plane, float(cut[plane.normal]))
        panels.append(made.image)
    return compose([([(volume.source, BRIGHT)], panels)], _caption(volume, labels, classes))


def _caption(volume: Volume, labels: NDArray[np.uint8], classes: Sequence[Outlined]) -> list[Text]:
    """Return the pieces of text under the panels with their colours."""
    measured = volumes_mm3(labels, volume.affine)
    return [(f"{part.name}: {measured.get(part.label, 0.0) / 1000:.2f} ml", rgb(part.color)) for part in classes]
