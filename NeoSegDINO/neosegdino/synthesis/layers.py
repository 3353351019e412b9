"""What a map of whole structures does not show of the hippocampi: layers within, thin white matter beneath.

Within a newborn's hippocampus strata and the remnant of its sulcus draw a line, dark on T1w, while the white matter
between it and the parahippocampal cortex is a thin sheet without myelin, which partial volume hides. A model that has
seen neither takes the line for the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neosegdino.synthesis.draw import Draw


@dataclass(frozen=True, eq=False)
class Side:
    """One hippocampus and the white matter on its side.

    Attributes
    ----------
    hippocampus, white : Tensor
        Where they are, ``(B, X, Y, Z)`` bool; the last axis runs upwards.
    grey_level, white_level : Tensor
        Their mean intensities, ``(B,)``.
    """

    hippocampus: Tensor
    white: Tensor
    grey_level: Tensor
    white_level: Tensor


def add_layers(draw: Draw, image: Tensor, sides: Sequence[Side], fluid_level: Tensor, spacing_mm: float) -> Tensor:
    """Draw blotches and a sheet into the hippocampi of some images, and hide the white matter beneath in some.

    Parameters
    ----------
    draw : Draw
        Random numbers; both sides look alike.
    image : Tensor
        ``(B, X, Y, Z)`` intensities.
    sides : sequence of Side
        Left and right.
    fluid_level : Tensor
        Mean intensity of fluid, ``(B,)``: layers look like white matter or more or less like fluid.
    spacing_mm : float
        Voxel size.

    Returns
    -------
    Tensor
        New intensities.
    """
    count, shape = len(image), (image.shape[1], image.shape[2], image.shape[3])
    blotches = torch.sigmoid(4 * draw.field(count, 1, shape, draw.knots(6, 31))[:, 0]) * _share(draw, 0.4, count)
    sheet, hidden = _share(draw, 0.5, count), _share(draw, 0.6, count)
    bottom_mm, thickness_mm, depth_mm = (
        _spread(draw.uniform(low, high, count)) for low, high in ((0.5, 3.5), (0.6, 2.6), (0.6, 4.4))
    )
    towards_fluid = draw.uniform(-0.1, 0.8, count)
    for side in sides:
        height = _height_mm(side.hippocampus, spacing_mm)
        layer = _spread(torch.lerp(side.white_level, fluid_level, towards_fluid))
        share = torch.where((height >= bottom_mm) & (height < bottom_mm + thickness_mm), sheet, 0)
        share = side.hippocampus * torch.maximum(blotches, share)
        image = torch.lerp(image, layer, share)
        share = side.white * torch.where((height < 0) & (height >= -depth_mm), hidden, 0)
        image = torch.lerp(image, _spread(side.grey_level), share)
    return image


def _share(draw: Draw, probability: float, count: int) -> Tensor:
    """How much of a look some images get; 0 in the others."""
    return _spread(draw.uniform(0, 1, count) * draw.chance(probability, count))


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _height_mm(mask: Tensor, spacing_mm: float) -> Tensor:
    """How far a voxel lies above the lowest voxel of a mask in its column; far below where a column has none."""
    places = torch.arange(mask.shape[-1], device=mask.device, dtype=torch.int32)
    lowest = torch.where(mask, places, torch.iinfo(torch.int32).max).amin(dim=-1, keepdim=True)
    return (places - lowest) * spacing_mm
