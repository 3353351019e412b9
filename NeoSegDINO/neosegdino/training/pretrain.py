"""Train a small encoder from scratch to name every structure of a head, token by token, on synthetic images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neosegdino.encoder import SliceEncoder
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Batch, Generator
from neosegdino.training.optimise import Schedule, optimise
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.training.supply import Shown, Supply

HIPPOCAMPUS_WEIGHT = 4.0
"""Weight of the hippocampi's labels in the cross-entropy; all others weigh 1."""


class StructureNamer(nn.Module):
    """A ViT with one linear layer that names the structure of every sub-position of a token."""

    def __init__(self, backbone: nn.Module, channels: int, classes: int, positions: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classes, self.positions = classes, positions
        self.name = nn.Linear(channels, positions * positions * classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Scores ``(n, classes, h * positions, w * positions)`` from the last block's map ``(n, C, h, w)``."""
        scores: Tensor = self.name(maps.permute(0, 2, 3, 1))
        grid: Tensor = scores.unflatten(-1, (self.positions, self.positions, self.classes))
        return grid.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


def pretrain(
    generator: Generator,
    views: list[tuple[View, SliceEncoder, int, int]],
    schedule: Schedule,
    checkpoint: Path,
    log: Callable[[str], None],
    limit_s: float,
    *,
    parts: int = 1,
    ranks: Ranks = ALONE,
) -> tuple[nn.Module, bool]:
    """Train the backbone that all encoders of `views` share.

    Parameters
    ----------
    generator : Generator
        Makes the images, see `Supply`.
    views : list
        View, its encoder, images per part of a step, and slices per image; the steps go round the list.
    schedule, checkpoint, log, limit_s, parts, ranks
        As in `optimise`.

    Returns
    -------
    backbone : nn.Module
        The trained ViT.
    done : bool
        Whether all steps are done.
    """
    device = generator.draw.device
    first = views[0][1]
    namer = structure_namer(first, generator).to(device)
    namer.requires_grad_(True).train()
    last = last_block(first.backbone)
    weight = name_weights(generator)

    def scores(pixels: Tensor) -> Tensor:
        (maps,) = first.backbone.forward_intermediates(  # type: ignore[operator]
            pixels, indices=[last], norm=True, intermediates_only=True, output_fmt="NCHW"
        )
        return namer(maps)  # type: ignore[no-any-return]

    supply = Supply(generator, [Shown(view, images) for view, _encoder, images, _slices in views], parts=parts)

    def loss(number: int) -> Tensor:
        _view, encoder, _images, slices = views[supply.place(number)]
        ((pixels, names),) = some_slices([supply(number)], encoder, slices)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            named = scores(pixels)
        return F.cross_entropy(named.float(), names, weight=weight)

    done = optimise(namer, loss, schedule, checkpoint, log, limit_s, parts=parts, ranks=ranks)
    return namer.backbone, done


def structure_namer(encoder: SliceEncoder, generator: Generator) -> StructureNamer:
    """Make the layer that names, for each voxel of a token, one of the generator's structures."""
    positions = encoder.patch // encoder.upsampling
    return StructureNamer(encoder.backbone, encoder.channels, generator.structure_count, positions)


def last_block(backbone: nn.Module) -> int:
    """Index of a ViT's last block."""
    return len(list(backbone.get_submodule("blocks").children())) - 1


def name_weights(generator: Generator) -> Tensor:
    """Weight of every structure in the cross-entropy."""
    weight = torch.ones(generator.structure_count, device=generator.draw.device)
    weight[_hippocampus_classes(generator)] = HIPPOCAMPUS_WEIGHT
    return weight


def some_slices(looks: Sequence[Batch], encoder: SliceEncoder, count: int) -> list[tuple[Tensor, Tensor]]:
    """Random slices of every image as encoder input, with their structures; the same ones of every look."""
    images, depth, device = len(looks[0].image), encoder.depth, looks[0].image.device
    chosen = torch.rand(images, depth, device=device).argsort(dim=1)[:, :count]
    rows = (chosen + depth * torch.arange(images, device=device)[:, None]).flatten()
    return [_shown(look, encoder, rows) for look in looks]


def _shown(batch: Batch, encoder: SliceEncoder, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Slices of a batch by their numbers: pixels, and names per voxel."""
    slices = encoder.slices(batch.image)[rows]
    names = batch.structure.movedim(1 + encoder.axis, 1).flatten(0, 1)[rows]
    size = [n * encoder.upsampling for n in slices.shape[2:]]
    pixels = F.interpolate(slices, size=size, mode="bilinear", align_corners=False)
    return (pixels - encoder.spec.mean) / encoder.spec.std, names


def _hippocampus_classes(generator: Generator) -> list[int]:
    from neosegdino.synthesis.anatomy import LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS

    return [int(generator.structures[generator.maps.index(label)]) for label in (LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS)]
