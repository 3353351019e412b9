"""A picture of the worst cases: the reference's outline beside that of the result, in three planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neosegdino.cases.case import SIDES
from neosegdino.evaluation.measures import MaskMeasures
from neosegdino.files import atomic_path
from neosegdino.geometry import Grid
from neosegdino.planes import (
    PLANES,
    Shown,
    centre_between,
    draw_outline,
    head_bounds,
    panel,
    prepare,
    view_around,
    write_letters,
)
from neosegdino.sheet import BRIGHT, Row, compose, rgb
from neosegdino.volume import Volume

Color = tuple[float, float, float]
"""RGB in 0..1."""
SHOWN = 4
"""Most cases in the picture."""
SIDE_COLORS: dict[str, Color] = {"left": (0.95, 0.45, 0.2), "right": (0.15, 0.65, 0.95)}
"""Colours of a result that no bundle gives colours to."""
_REFERENCE = (70, 225, 105)
_SMALLEST_MM, _LARGEST_MM, _AROUND_MM = 40.0, 110.0, 16.0
_WIDE, _NARROW = 6, 3
"""Width of the reference's and of the result's outline in pixels: where they agree, both can be seen."""


@dataclass(frozen=True, eq=False)
class Example:
    """A case to be shown.

    Attributes
    ----------
    name : str
        Of the case.
    volume : Volume
        Its image.
    reference, found : (x, y, z) uint8 array
        Labels, 1 left and 2 right, on the image's grid.
    measures : mapping of str to MaskMeasures
        By side.
    colors : mapping of str to Color
        Of the result's outline, by side.
    """

    name: str
    volume: Volume
    reference: NDArray[np.uint8]
    found: NDArray[np.uint8]
    measures: Mapping[str, MaskMeasures]
    colors: Mapping[str, Color]


def draw_worst(examples: Sequence[Example], path: str | Path) -> None:
    """Write a PNG with a row of three planes for each case, in radiological convention.

    The planes go through the reference, the sagittal one through the side with the lower Dice.

    Parameters
    ----------
    examples : sequence of Example
        Worst first; at least one.
    path : str or Path
        File that ends in .png, in an existing folder.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    colors = examples[0].colors
    legend = [("Reference", _REFERENCE), *((f"Result, {side}", rgb(colors[side])) for side in SIDES)]
    image = compose([_row(example) for example in examples], legend)
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def _row(example: Example) -> Row:
    title = [(example.name, BRIGHT), *((_words(example, side), rgb(example.colors[side])) for side in SIDES)]
    return title, _panels(example)


def _words(example: Example, side: str) -> str:
    measures = example.measures[side]
    dice = "none" if measures.dice is None else f"{measures.dice:.2f}"
    distance = "none" if measures.hd95_mm is None else f"{measures.hd95_mm:.1f} mm"
    return f"{side.capitalize()}: Dice {dice}, HD95 {distance}"


def _panels(example: Example) -> list[Image.Image]:
    shown, affine = prepare(example.volume), example.volume.affine
    there = example.reference if example.reference.any() else example.found
    centre = centre_between(there, affine, _worse_side(example))
    assert centre is not None, "a case without any label has no Dice and is not among the worst"
    view = _view(shown, example)
    panels = []
    for plane in PLANES:
        made = panel(shown, plane, centre, view)
        for value in SIDES.values():
            draw_outline(made, example.reference == value, affine, _REFERENCE, _WIDE)
        for side, value in SIDES.items():
            draw_outline(made, example.found == value, affine, rgb(example.colors[side]), _NARROW)
        write_letters(made, plane, float(centre[plane.normal]))
        panels.append(made.image)
    return panels


def _worse_side(example: Example) -> int:
    """Label of the side with the lower Dice, of those that the reference has."""
    known = {side: one.dice for side, one in example.measures.items() if one.dice is not None and one.reference_mm3}
    return SIDES[min(known, key=lambda side: known[side])] if known else 0


def _view(shown: Shown, example: Example) -> NDArray[np.float64]:
    """Return the RAS cube to show: around all outlines, within limits."""
    inside = np.argwhere((example.reference > 0) | (example.found > 0))
    points = Grid(example.volume.shape, example.volume.affine).points(inside)
    low, high = points.min(axis=0), points.max(axis=0)
    side = float(np.clip((high - low).max() + _AROUND_MM, _SMALLEST_MM, _LARGEST_MM))
    return view_around(head_bounds(shown), (low + high) / 2, side)
