"""A decoding arm with an image stem: fine edges from the voxels, context from the frozen tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from neosegdino.decoder.base import Head, HeadShape, register
from neosegdino.decoder.layers import ResidualBlock, TokenProjection, normalisation, resize


@register("stem")
class StemHead(Head):
    """Convolutions on the window's image at 1, 1/2 and 1/4 resolution, joined by the tokens at 1/4.

    A token of the usual upsampling covers 4 voxels in its slice, so that the tokens, averaged over four slices,
    fit the quarter grid. The joined maps grow back to voxels with skips from the stem.

    Parameters
    ----------
    shape : HeadShape
        What the head is built for; the window must be a multiple of 4 voxels along each axis.
    channels : tuple of int
        Channels at 1, 1/2 and 1/4 resolution.
    dropout : float
        Dropout of whole channels at 1/4 resolution.
    """

    together = 2

    def __init__(self, shape: HeadShape, channels: Sequence[int] = (16, 32, 96), dropout: float = 0.0) -> None:
        super().__init__(shape)
        fine, half, quarter = channels
        self.image = ResidualBlock(1, fine)
        self.image_half = nn.Sequential(_halve(fine, half), ResidualBlock(half, half))
        self.image_quarter = nn.Sequential(_halve(half, quarter), ResidualBlock(quarter, quarter))
        self.project = TokenProjection(shape, quarter)
        self.tokens = nn.Sequential(normalisation(quarter), nn.GELU(), nn.Conv3d(quarter, quarter, 3, padding=1))
        self.join = nn.Sequential(
            ResidualBlock(2 * quarter, quarter, dropout), ResidualBlock(quarter, quarter, dropout)
        )
        self.merge_half = ResidualBlock(quarter + half, half)
        self.merge_fine = ResidualBlock(half + fine, fine)
        self.score = nn.Conv3d(fine, shape.classes, 1)

    def forward(self, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Scores ``(N, classes, x, y, z)``."""
        fine = self.image(image)
        half = self.image_half(fine)
        quarter = self.image_quarter(half)
        context = resize(self.tokens(self.project(tokens)), quarter.shape[2:])
        x = self.join(torch.cat([quarter, context], dim=1))
        x = self.merge_half(torch.cat([resize(x, half.shape[2:]), half], dim=1))
        x = self.merge_fine(torch.cat([resize(x, fine.shape[2:]), fine], dim=1))
        scores: Tensor = self.score(x)
        return scores


def _halve(channels_in: int, channels: int) -> nn.Conv3d:
    return nn.Conv3d(channels_in, channels, 2, stride=2)
