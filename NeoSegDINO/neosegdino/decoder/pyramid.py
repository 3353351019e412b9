"""A U-Net-like decoding arm: an image pyramid down to 1/8 resolution, joined by the frozen tokens at 1/4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from neosegdino.decoder.base import Head, HeadShape, register
from neosegdino.decoder.layers import ResidualBlock, TokenProjection, normalisation, resize


@register("pyramid")
class PyramidHead(Head):
    """Convolutions on the image at 1/2, 1/4 and 1/8 resolution and back (as in a U-Net, Ronneberger et al. 2015).

    Hardly anything is computed at the voxels' own resolution, where a window is largest and `StemHead` keeps whole
    blocks.

    Parameters
    ----------
    shape : HeadShape
        What the head is built for.
    channels : tuple of int
        Channels at full, 1/2, 1/4 and 1/8 resolution.
    dropout : float
        Dropout of whole channels where image and tokens meet and at 1/8 resolution.
    """

    together = 2

    def __init__(self, shape: HeadShape, channels: Sequence[int] = (16, 32, 96, 128), dropout: float = 0.0) -> None:
        super().__init__(shape)
        full, half, quarter, eighth = channels
        self.image_half = nn.Sequential(_halve(1, half), ResidualBlock(half, half))
        self.image_quarter = nn.Sequential(_halve(half, quarter), ResidualBlock(quarter, quarter))
        self.project = TokenProjection(shape, quarter)
        self.tokens = nn.Sequential(normalisation(quarter), nn.GELU(), nn.Conv3d(quarter, quarter, 3, padding=1))
        self.join = ResidualBlock(2 * quarter, quarter, dropout)
        self.deepest = nn.Sequential(_halve(quarter, eighth), ResidualBlock(eighth, eighth, dropout))
        self.rise_quarter = _Rise(eighth, quarter)
        self.rise_half = _Rise(quarter, half)
        self.narrow = nn.Conv3d(half, full, 1)
        self.edges = nn.Sequential(nn.Conv3d(full + 1, full, 3, padding=1, bias=False), normalisation(full), nn.GELU())
        self.score = nn.Conv3d(full, shape.classes, 1)

    def forward(self, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Scores ``(N, classes, x, y, z)``."""
        half = self.image_half(image)
        quarter = self.image_quarter(half)
        context = resize(self.tokens(self.project(tokens)), quarter.shape[2:])
        quarter = self.join(torch.cat([quarter, context], dim=1))
        x = self.rise_quarter(self.deepest(quarter), quarter)
        x = resize(self.narrow(self.rise_half(x, half)), image.shape[2:])
        scores: Tensor = self.score(self.edges(torch.cat([x, image.to(x.dtype)], dim=1)))
        return scores


class _Rise(nn.Module):
    """Bring a coarse map onto a finer one: channels are cut before it grows, where that is cheap."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.narrow = nn.Conv3d(coarse, fine, 1)
        self.merge = ResidualBlock(2 * fine, fine)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """``(N, coarse, a, b, c)`` and ``(N, fine, x, y, z)`` to ``(N, fine, x, y, z)``."""
        merged: Tensor = self.merge(torch.cat([resize(self.narrow(coarse), fine.shape[2:]), fine], dim=1))
        return merged


def _halve(channels_in: int, channels: int) -> nn.Conv3d:
    """Half the resolution, rounded up: no voxel is left out where a side is odd."""
    return nn.Conv3d(channels_in, channels, 3, stride=2, padding=1)
