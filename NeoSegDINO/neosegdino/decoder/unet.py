"""A decoding arm that is a small U-Net on the window's image, joined by the frozen tokens at 1/4 resolution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from neosegdino.decoder.base import Head, HeadShape, register
from neosegdino.decoder.layers import GroupNorm, TokenProjection, resize


@register("unet")
class UNetHead(Head):
    """Residual 3D U-Net (Ronneberger et al. 2015, Kerfoot et al. 2018) whose context comes from the tokens as well.

    Each level halves the resolution at once, so that hardly anything is computed at the voxels' own resolution. Every
    channel is normalised by itself (Ulyanov et al. 2016): what is left of a contrast is its pattern.

    Parameters
    ----------
    shape : HeadShape
        What the head is built for.
    channels : tuple of int
        Channels at 1/2, 1/4, 1/8 and 1/16 resolution.
    full : int
        Channels at the voxels' own resolution, just before the scores.
    dropout : float
        Dropout of whole channels at 1/8 and 1/16 resolution.
    """

    together = 2

    def __init__(
        self, shape: HeadShape, channels: Sequence[int] = (32, 64, 128, 80), full: int = 16, dropout: float = 0.0
    ) -> None:
        super().__init__(shape)
        half, quarter, eighth, sixteenth = channels
        self.down_half = ResidualUnit(1, half, stride=2)
        self.down_quarter = ResidualUnit(half, quarter, stride=2)
        self.down_eighth = ResidualUnit(quarter, eighth, stride=2, dropout=dropout)
        self.down_sixteenth = ResidualUnit(eighth, sixteenth, stride=2, dropout=dropout)
        self.deepest = ResidualUnit(sixteenth, sixteenth, dropout=dropout)
        self.project = TokenProjection(shape, quarter)
        soft = nn.Conv3d(quarter, quarter, 3, padding=1)
        self.context = nn.Sequential(*_normalised(quarter), soft)
        self.rise_eighth = Rise(2 * sixteenth, eighth)
        self.rise_quarter = Rise(2 * eighth, quarter)
        self.rise_half = Rise(2 * quarter, half)
        self.rise_full = Rise(2 * half, full, refined=False)
        self.score = nn.Conv3d(full, shape.classes, 3, padding=1)
        # The tokens come in softly: an arm may begin with what its image part has learned alone.
        nn.init.normal_(soft.weight, std=1e-3)

    def forward(self, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Scores ``(N, classes, x, y, z)``."""
        half = self.down_half(image)
        quarter = self.down_quarter(half)
        quarter = quarter + resize(self.context(self.project(tokens)), quarter.shape[2:])
        eighth = self.down_eighth(quarter)
        sixteenth = self.down_sixteenth(eighth)
        x = self.rise_eighth(sixteenth, self.deepest(sixteenth), eighth.shape[2:])
        x = self.rise_quarter(eighth, x, quarter.shape[2:])
        x = self.rise_half(quarter, x, half.shape[2:])
        scores: Tensor = self.score(self.rise_full(half, x, image.shape[2:]))
        return scores


class ResidualUnit(nn.Module):
    """Two 3x3x3 convolutions, each with normalisation and PReLU, beside a shortcut; a stride of 2 rounds up."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(channels_in, channels, 3, stride, padding=1, bias=False),
            *_normalised(channels),
            nn.Dropout3d(dropout),
            nn.Conv3d(channels, channels, 3, padding=1, bias=False),
            *_normalised(channels),
        )
        same = stride == 1 and channels_in == channels
        self.shortcut = nn.Identity() if same else nn.Conv3d(channels_in, channels, 3, stride, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels_in, x, y, z)`` to ``(N, channels, x / stride, y / stride, z / stride)``."""
        total: Tensor = self.body(x) + self.shortcut(x)
        return total


class Rise(nn.Module):
    """Double the resolution of two joined maps by a transposed convolution, then refine what came out."""

    def __init__(self, channels_in: int, channels: int, *, refined: bool = True) -> None:
        super().__init__()
        self.twice = nn.Sequential(
            nn.ConvTranspose3d(channels_in, channels, 3, stride=2, padding=1, output_padding=1, bias=False),
            *_normalised(channels),
        )
        refine = (nn.Conv3d(channels, channels, 3, padding=1, bias=False), *_normalised(channels))
        self.refine = nn.Sequential(*refine) if refined else None

    def forward(self, skip: Tensor, x: Tensor, size: Sequence[int]) -> Tensor:
        """Two maps on one grid to ``(N, channels, *size)``; a row beyond an odd size is cut off."""
        a, b, c = size
        x = self.twice(torch.cat([skip, x], dim=1))[:, :, :a, :b, :c]
        return x if self.refine is None else x + self.refine(x)


class InstanceNorm(GroupNorm):
    """Normalisation of every channel of every window by itself, then a learned scale and shift."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, x, y, z)`` of the same shape; a single voxel has no spread and is only scaled and shifted."""
        if x[0, 0].numel() > 1:
            return super().forward(x)
        return torch.addcmul(self.bias.view(-1, 1, 1, 1), x, self.weight.view(-1, 1, 1, 1))


def _normalised(channels: int) -> list[nn.Module]:
    return [InstanceNorm(channels), nn.PReLU()]
