"""Mean intensities per structure: newborn T1 and T2, adult-like T1, and contrasts nobody ever measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from neosegdino.synthesis.anatomy import (
    FIRST_EXTRACEREBRAL,
    HIPPOCAMPAL_RIMS,
    LEFT_HIPPOCAMPUS,
    RIGHT_HIPPOCAMPUS,
    WHITE,
    tissue_of,
)
from neosegdino.synthesis.draw import Draw

KINDS = {"newborn T1": 0.3, "newborn T2": 0.3, "adult T1": 0.1, "random": 0.3}
"""Contrast to its share of the images."""
TISSUE_ORDER = ("background", "csf", "white", "myelinated", "grey", "deep", "extracerebral")


def sample_means(
    draw: Draw, labels: tuple[int, ...], mirror: Tensor, count: int, shares: Mapping[str, float] = KINDS
) -> Tensor:
    """Mean intensity of every label.

    Before 4 to 6 months white matter is darker than grey on T1w and brighter on T2w, except for the internal capsule's
    posterior limb, which is myelinated at birth (Ballesteros 1993).

    Parameters
    ----------
    draw : Draw
        Random numbers.
    labels : tuple of int
        FreeSurfer labels.
    mirror : Tensor
        Index of the other side's label: both sides look alike.
    count : int
        Images.
    shares : mapping of str to float
        Share of every contrast of `KINDS`.

    Returns
    -------
    Tensor
        ``(count, len(labels))`` in about 0..1.
    """
    tissue = torch.tensor([TISSUE_ORDER.index(tissue_of(label)) for label in labels], device=draw.device)
    outside = torch.tensor([label >= FIRST_EXTRACEREBRAL for label in labels], device=draw.device)
    kinds = torch.stack([_newborn_t1(draw, count), _newborn_t2(draw, count), _adult_t1(draw, count)])
    kind = draw.choice([shares.get(name, 0.0) for name in KINDS], count)
    table = kinds[kind.clamp(max=2), torch.arange(count, device=draw.device)]  # (count, tissues)
    means = table[:, tissue] * (1 + draw.normal(0.06, count, len(labels)))
    random = draw.uniform(0, 1, count, len(labels))
    means = torch.where((kind == 3)[:, None] | outside, random, means)
    means[:, 0] = torch.where(draw.chance(0.85, count), torch.zeros_like(means[:, 0]), means[:, 0])
    first = torch.minimum(torch.arange(len(labels), device=draw.device), mirror)
    return means[:, first].clamp(0, 1.2)


def fade_rims(draw: Draw, tables: Sequence[Tensor], labels: tuple[int, ...]) -> None:
    """Let the hippocampi fade into white matter towards their surface, in some images.

    Alveus, fimbria and the strata of subiculum lie there, which manual protocols count in whole or in part. Without
    them a model learns that a hippocampus ends where its grey does, and answers too small where contrast is low. The
    inner layer fades by a part of what the outer one does.

    Parameters
    ----------
    draw : Draw
        Random numbers.
    tables : sequence of Tensor
        ``(count, len(labels))`` intensities, changed in place; each fades by a share of its own.
    labels : tuple of int
        FreeSurfer labels.
    """
    fades = draw.chance(0.6, len(tables[0]))
    for table in tables:
        share = draw.uniform(0, 0.7, len(table)) * fades
        for rims in HIPPOCAMPAL_RIMS:
            for rim, inner, white in zip(rims, (LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS), WHITE, strict=True):
                if rim in labels:
                    place, first, second = (labels.index(label) for label in (rim, inner, white))
                    table[:, place] = torch.lerp(table[:, first], table[:, second], share)
            share = share * draw.uniform(0, 1, len(table))


def _table(
    draw: Draw, count: int, csf: Tensor, white: Tensor, myelinated: Tensor, grey: Tensor, deep: Tensor
) -> Tensor:
    air = draw.uniform(0, 0.05, count)
    return torch.stack([air, csf, white, myelinated, grey, deep, grey], dim=1)


def _newborn_t1(draw: Draw, count: int) -> Tensor:
    grey = draw.uniform(0.45, 0.85, count)
    white, myelinated = grey * draw.uniform(0.55, 1.0, count), grey * draw.uniform(0.9, 1.3, count)
    csf, deep = draw.uniform(0.02, 0.35, count), grey * draw.uniform(0.9, 1.2, count)
    return _table(draw, count, csf, white, myelinated, grey, deep)


def _newborn_t2(draw: Draw, count: int) -> Tensor:
    white = draw.uniform(0.45, 0.85, count)
    grey, myelinated = white * draw.uniform(0.5, 0.95, count), white * draw.uniform(0.4, 0.9, count)
    csf, deep = draw.uniform(0.8, 1.1, count), grey * draw.uniform(0.75, 1.05, count)
    return _table(draw, count, csf, white, myelinated, grey, deep)


def _adult_t1(draw: Draw, count: int) -> Tensor:
    white = draw.uniform(0.7, 1.0, count)
    grey = white * draw.uniform(0.5, 0.9, count)
    return _table(
        draw, count, draw.uniform(0.02, 0.35, count), white, white, grey, grey * draw.uniform(0.95, 1.2, count)
    )
