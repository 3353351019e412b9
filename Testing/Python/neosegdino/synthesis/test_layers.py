from __future__ import annotations

import pytest
import torch
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.layers import Side, add_layers
from torch import Tensor

COUNT, SHAPE = 300, (14, 6, 24)
GREY, WHITE, FLUID = 0.6, 0.5, 0.1
SPACING_MM = 0.8
BOTTOM, TOP = 10, 20
"""The hippocampus' lowest voxel, and the first one above it."""


def mask(x: slice, z: slice) -> Tensor:
    found = torch.zeros(SHAPE, dtype=torch.bool)
    found[x, :, z] = True
    return found


LEFT, RIGHT = mask(slice(1, 6), slice(BOTTOM, TOP)), mask(slice(8, 13), slice(BOTTOM, TOP))
HIPPOCAMPI = LEFT | RIGHT
WHOLE_WHITE = ~HIPPOCAMPI


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor]:
    """What was given, and what became of it."""
    image = torch.where(HIPPOCAMPI, GREY, WHITE).expand(COUNT, *SHAPE)
    grey, white, fluid = (torch.full([COUNT], level) for level in (GREY, WHITE, FLUID))
    sides = [Side(side.expand(COUNT, *SHAPE), WHOLE_WHITE.expand(COUNT, *SHAPE), grey, white) for side in (LEFT, RIGHT)]
    return image, add_layers(Draw(0, "cpu"), image, sides, fluid, SPACING_MM)


def changed(images: tuple[Tensor, Tensor]) -> Tensor:
    """Share of the images in which a voxel was changed."""
    given, found = images
    return (given != found).float().mean(0)


def test_all_but_the_hippocampi_and_the_white_matter_beneath_stays(images: tuple[Tensor, Tensor]) -> None:
    share = changed(images)
    assert (share[HIPPOCAMPI] > 0.3).all()
    beside, above = mask(slice(6, 8), slice(None)), mask(slice(None), slice(TOP, None))
    deep = mask(slice(None), slice(0, BOTTOM - 5))
    assert not share[beside | above | deep].any()


def test_white_matter_just_beneath_is_hidden_in_some_images(images: tuple[Tensor, Tensor]) -> None:
    _given, found = images
    just, further = found[:, 3, 3, BOTTOM - 1], found[:, 3, 3, BOTTOM - 4]
    assert 0.5 < (just > WHITE).float().mean() < 0.7
    assert 0.1 < (further > WHITE).float().mean() < 0.4
    assert just.max() <= GREY
    assert just.max() > WHITE + 0.9 * (GREY - WHITE)
    assert (found[:, 3, 3, BOTTOM - 1] == found[:, 10, 3, BOTTOM - 1]).all(), "both sides look alike"


def test_layers_look_like_white_matter_or_fluid(images: tuple[Tensor, Tensor]) -> None:
    _given, found = images
    inside = found[:, HIPPOCAMPI]
    assert inside.max() <= GREY
    assert inside.min() > FLUID
    assert inside.min() < WHITE - 0.1


def test_some_hippocampi_have_no_layers(images: tuple[Tensor, Tensor]) -> None:
    _given, found = images
    plain = (found[:, HIPPOCAMPI] == GREY).all(1).float().mean()
    assert 0.2 < plain < 0.4


def test_a_sheet_runs_along_the_lower_surface(images: tuple[Tensor, Tensor]) -> None:
    """In images without blotches every column of a hippocampus has the same profile, plain at the top."""
    _given, found = images
    body = found[:, 1:6, :, BOTTOM:TOP]
    profiles = body[(body == body[:, :1, :1]).flatten(1).all(1)][:, 0, 0]
    dark = profiles < GREY
    assert dark.any(1).float().mean() > 0.3
    assert not dark[:, -1].any()
    assert dark.sum(1).max() <= 4
