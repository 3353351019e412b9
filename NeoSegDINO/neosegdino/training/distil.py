"""Train a small encoder from scratch by self-distillation on synthetic images, alone or while naming structures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neosegdino.encoder import SliceEncoder
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Generator
from neosegdino.training.distiller import Distiller, enlarge, hide_blocks
from neosegdino.training.optimise import Schedule, optimise
from neosegdino.training.pretrain import StructureNamer, name_weights, some_slices, structure_namer
from neosegdino.training.seeds import seed_of

LOOKS = 2
MOMENTUM = 0.99
"""Of the teacher at the first step; it grows to 1 along a cosine. The papers' 0.996 belongs to longer runs."""
NOT_NAMED = -100
"""What the cross-entropy leaves out."""


@dataclass(frozen=True)
class Distilled:
    """What came out of a run.

    Attributes
    ----------
    backbone : nn.Module
        The student's ViT: with the rate at zero it stands still, while the teacher's average is older in a short run.
    done : bool
        Whether all steps are done.
    entropy : tuple of float
        Of the teacher's last answers on slices and on patches: 1 says that it tells nothing apart.
    """

    backbone: nn.Module
    done: bool
    entropy: tuple[float, float]


def distil(
    generator: Generator,
    views: list[tuple[View, SliceEncoder, int, int]],
    schedule: Schedule,
    checkpoint: Path,
    log: Callable[[str], None],
    limit_s: float,
    *,
    naming: bool,
) -> Distilled:
    """Train the backbone that all encoders of `views` share.

    The two looks at a slice are images of the same anatomy with unlike contrast, extraction and acquisition. They are
    neither flipped nor cropped against each other: left is not right, and a patch stays where it is.

    Parameters
    ----------
    generator, views, schedule, checkpoint, log, limit_s
        As in `pretrain`; every image is looked at twice, so that a step takes twice as many slices.
    naming : bool
        Name the structures of the patches that the student sees as well, as `pretrain` does; the losses are summed.
    """
    device = generator.draw.device
    first = views[0][1]
    distiller = Distiller(first.backbone)
    parts: list[nn.Module] = [distiller]
    namer = structure_namer(first, generator) if naming else None
    if namer is not None:
        parts.append(namer)
    module = nn.ModuleList(parts).to(device)
    weight = name_weights(generator)

    def loss(step: int) -> Tensor:
        distiller.follow(momentum_at(step, schedule.steps))
        view, encoder, images, slices = views[step % len(views)]
        generator.draw.restart(seed_of(generator.draw.seed, step))  # a run that goes on sees what it would have seen
        looks = some_slices(generator.looks(images, view, LOOKS), encoder, slices)
        pixels, names = (torch.cat(tensors) for tensors in zip(*looks, strict=True))
        grid = pixels.shape[2] // encoder.patch, pixels.shape[3] // encoder.patch
        hidden = hide_blocks(generator.draw, len(pixels), grid)
        value: Tensor
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            value, maps = distiller(pixels, hidden)
            if namer is not None:
                value = value + _naming(namer, maps, names, hidden, weight)
        return value

    done = optimise(module, loss, schedule, checkpoint, log, limit_s)
    on_slices, on_patches = distiller.entropy.tolist()
    return Distilled(distiller.student.backbone, done, (on_slices, on_patches))


def momentum_at(step: int, steps: int) -> float:
    """Share of the teacher that a step leaves as it is."""
    return 1 - (1 - MOMENTUM) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


def _naming(namer: StructureNamer, maps: Tensor, names: Tensor, hidden: Tensor, weight: Tensor) -> Tensor:
    seen_names = names.masked_fill(enlarge(hidden, namer.positions), NOT_NAMED)
    named: Tensor = namer(maps)
    return F.cross_entropy(named.float(), seen_names, weight=weight, ignore_index=NOT_NAMED)
