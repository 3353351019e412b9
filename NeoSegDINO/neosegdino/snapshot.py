"""A picture for quality control: three planes through the hippocampi with their outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from neosegdino.files import atomic_path
from neosegdino.geometry import Grid, bounds, foreground_box, resample
from neosegdino.intensity import Levels, clean, levels
from neosegdino.measure import centroids_ras, volumes_mm3
from neosegdino.spec import ClassSpec
from neosegdino.volume import Volume

_PIXELS = 560
"""Width and height of a panel."""
_VIEW_MM = 110.0
"""Largest part of the head that is shown, around the hippocampi."""
_STEP = 3
"""Every third voxel along each axis is enough to find the head."""
_HEAD_PERCENTILES = (0.1, 99.9)
_TOP_PERCENTILE = 99.8
_GAMMA = 1.5
"""Darkens the middle of the range, where grey and white matter of a newborn lie close together."""
_MARGIN_MM = 4.0
_PAD = 16
_BAND = 38
"""Height of the strip of text above and below the panels, in pixels."""
_BACKGROUND = (16, 17, 20)
_BRIGHT = (236, 237, 240)
_DIM = (150, 153, 160)
_SENTENCE = "Research use only. Not for diagnosis."

Color = tuple[int, int, int]
Text = tuple[str, Color]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class _Plane:
    """How a plane is laid out: the RAS axes of its normal, its columns and its rows.

    Columns run from R to L or from A to P, rows from A to P or from S to I: always down the axis.
    """

    name: str
    normal: int
    column: int
    row: int
    letters: tuple[str, str, str, str]
    """Left, right, top, bottom."""


@dataclass(frozen=True, eq=False)
class _Picture:
    """What is drawn: the volume with its mended intensities and their levels, and the labels."""

    volume: Volume
    data: NDArray[np.float32]
    levels: Levels
    labels: NDArray[np.uint8]
    classes: Sequence[ClassSpec]


_PLANES = (
    _Plane("Axial", 2, 0, 1, ("R", "L", "A", "P")),
    _Plane("Coronal", 1, 0, 2, ("R", "L", "S", "I")),
    _Plane("Sagittal", 0, 1, 2, ("A", "P", "S", "I")),
)


def draw(volume: Volume, labels: NDArray[np.uint8], classes: Sequence[ClassSpec], path: str | Path) -> None:
    """Write a PNG of three planes through the labels, in radiological convention.

    Without labels the planes go through the centre of the head.

    Parameters
    ----------
    volume : Volume
        Image in any orientation.
    labels : (x, y, z) uint8 array
        Labels on the grid of `volume`.
    classes : sequence of ClassSpec
        Label, name and colour of what is outlined.
    path : str or Path
        File that ends in .png, in an existing folder.

    Raises
    ------
    OutputError
        The file cannot be written.
    VolumeError
        The image has no contrast.
    """
    data = clean(volume).data
    picture = _Picture(volume, data, levels(data, _TOP_PERCENTILE, volume.source), labels, classes)
    head = _head(data, picture.levels.threshold, volume)
    centre = _centre(labels, volume)
    view = _view(head, centre)
    cut = head.mean(axis=1) if centre is None else centre
    panels = [_panel(picture, plane, cut, view) for plane in _PLANES]
    image = _compose(panels, volume.source, _caption(volume, labels, classes))
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def _centre(labels: NDArray[np.uint8], volume: Volume) -> NDArray[np.float64] | None:
    """Return where the planes cut: between both sides, but for the sagittal one in the middle of the larger side."""
    volumes = volumes_mm3(labels, volume.affine)
    if not volumes:
        return None
    centroids = centroids_ras(labels, volume.affine)
    centre: NDArray[np.float64] = np.mean(list(centroids.values()), axis=0)
    centre[0] = centroids[max(volumes, key=lambda label: volumes[label])][0]
    return centre


def _view(head: NDArray[np.float64], centre: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the RAS cube to show: the head, or the part of it around `centre` when the head is large."""
    extent = head[:, 1] - head[:, 0] + 2 * _MARGIN_MM
    side = min(float(extent.max()), _VIEW_MM)
    middle = head.mean(axis=1)
    if centre is not None:
        # Slide over the head rather than show what lies beside it.
        slack = np.maximum(extent - side, 0) / 2
        middle = np.clip(centre, middle - slack, middle + slack)
    return np.stack([middle - side / 2, middle + side / 2], axis=1)


def _head(data: NDArray[np.float32], threshold: float, volume: Volume) -> NDArray[np.float64]:
    """Return the RAS bounds of the foreground, a few stray voxels left out."""
    inside = np.argwhere(data[::_STEP, ::_STEP, ::_STEP] > threshold) * _STEP
    if not inside.size:  # a foreground smaller than the step
        return bounds(volume.shape, volume.affine, foreground_box(data, threshold))
    points = Grid(volume.shape, volume.affine).points(inside)
    return np.percentile(points, _HEAD_PERCENTILES, axis=0).T


def _panel(picture: _Picture, plane: _Plane, centre: NDArray[np.float64], view: NDArray[np.float64]) -> Image.Image:
    grid = _plane_grid(plane, centre, view)
    volume, found = picture.volume, picture.levels
    grey = resample(picture.data, volume.affine, grid, fill=found.base)[:, :, 0].T
    grey = np.clip((grey - found.base) / (found.top - found.base), 0, 1) ** _GAMMA
    pixels = np.repeat(np.round(grey * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    for part in picture.classes:
        inside = resample(picture.labels == part.label, volume.affine, grid)[:, :, 0].T >= 0.5
        pixels[inside & ~ndimage.binary_erosion(inside)] = _rgb(part.color)
    image = Image.fromarray(pixels)
    _write_letters(image, plane, float(centre[plane.normal]))
    return image


def _plane_grid(plane: _Plane, centre: NDArray[np.float64], view: NDArray[np.float64]) -> Grid:
    """Return the grid of a plane's pixels: columns, rows, and one voxel along the normal."""
    pixel_mm = (view[0, 1] - view[0, 0]) / _PIXELS
    affine = np.zeros((4, 4))
    affine[plane.column, 0] = affine[plane.row, 1] = -pixel_mm
    affine[plane.normal, 2] = pixel_mm
    affine[plane.column, 3] = view[plane.column, 1]
    affine[plane.row, 3] = view[plane.row, 1]
    affine[plane.normal, 3] = centre[plane.normal]
    affine[3, 3] = 1
    return Grid((_PIXELS, _PIXELS, 1), affine)


def _write_letters(image: Image.Image, plane: _Plane, position: float) -> None:
    pen, font = ImageDraw.Draw(image), _font(20)
    middle, end = _PIXELS / 2, _PIXELS - 8
    places = ((8, middle, "lm"), (end, middle, "rm"), (middle, 8, "mt"), (middle, end, "mb"))
    for letter, (x, y, anchor) in zip(plane.letters, places, strict=True):
        pen.text((x, y), letter, _BRIGHT, font, anchor, stroke_width=2, stroke_fill=(0, 0, 0))
    place = f"{plane.name}, {'RAS'[plane.normal]} = {position:.1f} mm"
    pen.text((8, 8), place, _DIM, _font(14), "lt", stroke_width=2, stroke_fill=(0, 0, 0))


def _compose(panels: Sequence[Image.Image], title: str, caption: Sequence[Text]) -> Image.Image:
    """Put the panels side by side, the title above and the caption below."""
    width = len(panels) * (_PIXELS + _PAD) + _PAD
    picture = Image.new("RGB", (width, _PIXELS + 2 * _BAND), _BACKGROUND)
    for place, panel in enumerate(panels):
        picture.paste(panel, (_PAD + place * (_PIXELS + _PAD), _BAND))
    pen, font = ImageDraw.Draw(picture), _font(18)
    pen.text((_PAD, _BAND / 2), _shortened(title, font, width - 2 * _PAD), _BRIGHT, font, "lm")
    below = _PIXELS + _BAND * 1.5
    x = _PAD
    for text, color in caption:
        pen.text((x, below), text, color, font, "lm")
        x += int(font.getlength(text)) + 2 * _PAD
    pen.text((width - _PAD, below), _SENTENCE, _DIM, font, "rm")
    return picture


def _caption(volume: Volume, labels: NDArray[np.uint8], classes: Sequence[ClassSpec]) -> list[Text]:
    """Return the pieces of text under the panels with their colours."""
    measured = volumes_mm3(labels, volume.affine)
    return [(f"{part.name}: {measured.get(part.label, 0.0) / 1000:.2f} ml", _rgb(part.color)) for part in classes]


def _rgb(color: tuple[float, float, float]) -> Color:
    red, green, blue = (round(value * 255) for value in color)
    return red, green, blue


def _shortened(text: str, font: Font, width: int) -> str:
    """Return the text, with its middle left out when it is wider than `width` pixels."""
    half = len(text) // 2
    shown = text
    while half > 1 and font.getlength(shown) > width:
        half -= 1
        shown = f"{text[:half]}\u2026{text[-half:]}"
    return shown


def _font(size: int) -> Font:
    return ImageFont.load_default(size)
