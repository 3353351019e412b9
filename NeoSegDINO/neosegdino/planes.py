"""Planes through a volume as pictures: where they lie, their grey values, outlines and letters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from neosegdino.geometry import Affine, Grid, bounds, foreground_box, resample
from neosegdino.intensity import Levels, clean, levels
from neosegdino.measure import centroids_ras, volumes_mm3
from neosegdino.sheet import BRIGHT, Color, font
from neosegdino.volume import Volume

PIXELS = 560
"""Width and height of a panel."""
_STEP = 3
"""Every third voxel along each axis is enough to find the head."""
_HEAD_PERCENTILES = (0.1, 99.9)
_TOP_PERCENTILE = 99.8
_GAMMA = 1.5
"""Darkens the middle of the range, where grey and white matter of a newborn lie close together."""
_MARGIN_MM = 4.0


@dataclass(frozen=True)
class Plane:
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
class Shown:
    """A volume ready to be shown: with its mended intensities and their levels."""

    volume: Volume
    data: NDArray[np.float32]
    levels: Levels


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture of a plane and the grid of its pixels, to draw outlines on."""

    image: Image.Image
    grid: Grid


PLANES = (
    Plane("Axial", 2, 0, 1, ("R", "L", "A", "P")),
    Plane("Coronal", 1, 0, 2, ("R", "L", "S", "I")),
    Plane("Sagittal", 0, 1, 2, ("A", "P", "S", "I")),
)


def prepare(volume: Volume) -> Shown:
    """Mend a volume's intensities and find their levels.

    Raises
    ------
    VolumeError
        The image has no contrast.
    """
    data = clean(volume).data
    return Shown(volume, data, levels(data, _TOP_PERCENTILE, volume.source))


def head_bounds(shown: Shown) -> NDArray[np.float64]:
    """Return the RAS bounds, (3, 2) in mm, of the foreground, a few stray voxels left out."""
    data, threshold, volume = shown.data, shown.levels.threshold, shown.volume
    inside = np.argwhere(data[::_STEP, ::_STEP, ::_STEP] > threshold) * _STEP
    if not inside.size:  # a foreground smaller than the step
        return bounds(volume.shape, volume.affine, foreground_box(data, threshold))
    points = Grid(volume.shape, volume.affine).points(inside)
    return np.percentile(points, _HEAD_PERCENTILES, axis=0).T


def centre_between(
    labels: NDArray[np.uint8], affine: Affine, sagittal: int | None = None
) -> NDArray[np.float64] | None:
    """Return where the planes cut, (3,) in RAS mm: between the labels, but for the sagittal one in the middle of one.

    Parameters
    ----------
    labels : (x, y, z) uint8 array
        Labels of the sides.
    affine : (4, 4) float array
        Voxel index to RAS mm.
    sagittal : int, optional
        Label through which the sagittal plane goes, if it is there; by default the larger one.

    Returns
    -------
    (3,) float array or None
        None without labels.
    """
    volumes = volumes_mm3(labels, affine)
    if not volumes:
        return None
    centroids = centroids_ras(labels, affine)
    centre: NDArray[np.float64] = np.mean(list(centroids.values()), axis=0)
    through = sagittal if sagittal in centroids else max(volumes, key=lambda label: volumes[label])
    centre[0] = centroids[through][0]
    return centre


def view_around(
    head: NDArray[np.float64], centre: NDArray[np.float64] | None, largest_mm: float
) -> NDArray[np.float64]:
    """Return the RAS cube to show: the head, or the part of it around `centre` when the head is large."""
    extent = head[:, 1] - head[:, 0] + 2 * _MARGIN_MM
    side = min(float(extent.max()), largest_mm)
    middle = head.mean(axis=1)
    if centre is not None:
        # Slide over the head rather than show what lies beside it.
        slack = np.maximum(extent - side, 0) / 2
        middle = np.clip(centre, middle - slack, middle + slack)
    return np.stack([middle - side / 2, middle + side / 2], axis=1)


def panel(shown: Shown, plane: Plane, centre: NDArray[np.float64], view: NDArray[np.float64]) -> Panel:
    """Show a plane through `centre` in grey."""
    grid, found = _plane_grid(plane, centre, view), shown.levels
    grey = resample(shown.data, shown.volume.affine, grid, fill=found.base)[:, :, 0].T
    grey = np.clip((grey - found.base) / (found.top - found.base), 0, 1) ** _GAMMA
    pixels = np.repeat(np.round(grey * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    return Panel(Image.fromarray(pixels), grid)


def draw_outline(on: Panel, mask: NDArray[np.bool_], affine: Affine, color: Color, width: int = 1) -> None:
    """Draw the inner border of a mask's section, `width` pixels wide."""
    inside = resample(mask, affine, on.grid)[:, :, 0].T >= 0.5
    border = inside & ~ndimage.binary_erosion(inside, iterations=width)
    on.image.paste(color, mask=Image.fromarray(border))


def write_letters(on: Panel, plane: Plane, position: float) -> None:
    """Write the directions at the edges of a panel, and where the plane lies in its corner."""
    pen = ImageDraw.Draw(on.image)
    middle, end = PIXELS / 2, PIXELS - 8
    places = ((8, middle, "lm"), (end, middle, "rm"), (middle, 8, "mt"), (middle, end, "mb"))
    for letter, (x, y, anchor) in zip(plane.letters, places, strict=True):
        pen.text((x, y), letter, BRIGHT, font(20), anchor, stroke_width=2, stroke_fill=(0, 0, 0))
    place = f"{plane.name}, {'RAS'[plane.normal]} = {position:.1f} mm"
    pen.text((8, 8), place, BRIGHT, font(18), "lt", stroke_width=2, stroke_fill=(0, 0, 0))


def _plane_grid(plane: Plane, centre: NDArray[np.float64], view: NDArray[np.float64]) -> Grid:
    """Return the grid of a plane's pixels: columns, rows, and one voxel along the normal."""
    pixel_mm = (view[0, 1] - view[0, 0]) / PIXELS
    affine = np.zeros((4, 4))
    affine[plane.column, 0] = affine[plane.row, 1] = -pixel_mm
    affine[plane.normal, 2] = pixel_mm
    affine[plane.column, 3] = view[plane.column, 1]
    affine[plane.row, 3] = view[plane.row, 1]
    affine[plane.normal, 3] = centre[plane.normal]
    affine[3, 3] = 1
    return Grid((PIXELS, PIXELS, 1), affine)
