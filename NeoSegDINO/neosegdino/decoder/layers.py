"""Layers that the convolutional heads share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neosegdino.decoder.base import HeadShape

_LARGE = 2**19
"""Values of a group from which on its work is spread: our choice, as every further launch costs time as well."""


class GroupNorm(nn.GroupNorm):
    """GroupNorm (Wu and He 2018); large groups on a GPU by `spread_group_norm`."""

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, x, y, z)`` of the same shape."""
        if not x.is_cuda or x[0].numel() < _LARGE * self.num_groups:
            return super().forward(x)
        with torch.autocast("cuda", enabled=False):
            return spread_group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def spread_group_norm(x: Tensor, count: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """What `torch.nn.functional.group_norm` gives, with the work spread over a whole GPU.

    torch's own kernel takes a group of a window on one of the GPU's processors. The few groups of a window with many
    voxels then leave the others idle: two thirds of a forward pass on an H100 were spent so.

    Parameters
    ----------
    x : Tensor
        ``(N, C, x, y, z)``; statistics are float32 at least, whatever its type.
    count : int
        Groups.
    weight, bias : Tensor
        ``(C,)``.
    eps : float
        Added to the variance.
    """
    groups = x.to(torch.promote_types(x.dtype, torch.float32)).unflatten(1, (count, -1))
    variance, mean = torch.var_mean(groups, dim=(2, 3, 4, 5), correction=0, keepdim=True)
    weight, bias = (parameter.view(1, count, -1, 1, 1, 1) for parameter in (weight, bias))
    scale = weight * (variance + eps).rsqrt()
    return torch.addcmul(bias - mean * scale, groups, scale).flatten(1, 2).to(x.dtype)


def normalisation(channels: int) -> nn.GroupNorm:
    """GroupNorm with groups of about eight channels: no statistics leak from window to window."""
    groups = max(1, channels // 8)
    while channels % groups:
        groups -= 1
    return GroupNorm(groups, channels)


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions, each after normalisation and GELU, beside a 1x1x1 shortcut."""

    def __init__(self, channels_in: int, channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(channels_in, channels, 3, padding=1, bias=False),
            normalisation(channels),
            nn.GELU(),
            nn.Dropout3d(dropout),
            nn.Conv3d(channels, channels, 3, padding=1, bias=False),
            normalisation(channels),
        )
        self.shortcut = nn.Identity() if channels_in == channels else nn.Conv3d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels_in, x, y, z)`` to ``(N, channels, x, y, z)``."""
        return F.gelu(self.body(x) + self.shortcut(x))


class TokenProjection(nn.Module):
    """1x1x1 projections of the tokens of several blocks, summed (as in DPT, Ranftl et al. 2021)."""

    def __init__(self, shape: HeadShape, channels: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList([nn.Conv3d(shape.channels, channels, 1) for _ in range(shape.blocks)])

    def forward(self, tokens: Iterable[Tensor]) -> Tensor:
        """Tokens of every block ``(N, C, a, b, c)`` to ``(N, channels, a, b, c)``."""
        return torch.stack([p(t) for p, t in zip(self.projections, tokens, strict=True)]).sum(dim=0)


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bring a map to another grid over the same space: averaged where that is coarser, interpolated where finer."""
    coarse = [min(have, want) for have, want in zip(x.shape[2:], size, strict=True)]
    if coarse != list(x.shape[2:]):
        x = F.adaptive_avg_pool3d(x, (coarse[0], coarse[1], coarse[2]))
    if coarse != list(size):
        x = F.interpolate(x, size=list(size), mode="trilinear", align_corners=False)
    return x
