"""A DPT-like 3D head: projections of several blocks, refined by 3x3x3 convolutions while growing to voxels."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from neosegdino.decoder.base import Head, HeadShape, register
from neosegdino.decoder.layers import ResidualBlock, TokenProjection, resize


@register("dpt")
class DPTHead(Head):
    """Tokens projected by 1x1x1, refined at the tokens' grid, at half and at full resolution.

    Parameters
    ----------
    shape : HeadShape
        What the head is built for.
    channels : int
        Channels at the tokens' grid; half of them at half, a quarter at full resolution.
    dropout : float
        Dropout of whole channels in every block.
    """

    together = 2

    def __init__(self, shape: HeadShape, channels: int = 64, dropout: float = 0.0) -> None:
        super().__init__(shape)
        self.project = TokenProjection(shape, channels)
        self.refine_tokens = ResidualBlock(channels, channels, dropout)
        self.refine_half = ResidualBlock(channels, channels // 2, dropout)
        self.refine_full = ResidualBlock(channels // 2, channels // 4, dropout)
        self.score = nn.Conv3d(channels // 4, shape.classes, 1)

    def forward(self, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Scores ``(N, classes, x, y, z)``; the image itself is not looked at."""
        x = self.refine_tokens(self.project(tokens))
        x = self.refine_half(resize(x, [-(-n // 2) for n in image.shape[2:]]))
        scores: Tensor = self.score(self.refine_full(resize(x, image.shape[2:])))
        return scores
