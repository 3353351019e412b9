"""Depth embedding: what tells a token of a 2D encoder which slice of the window it came from."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from neosegdino.errors import BundleError


class DepthEmbedding(nn.Module):
    """Add to every token a vector that depends on its slice alone.

    Parameters
    ----------
    kind : {"sinusoidal", "learned", "none"}
        Fixed sines and cosines of the slice's position times a learned scale, one learned vector per slice, or nothing.
    channels : int
        Channels of a token.
    depth : int
        Slices of a window.
    axis : int
        Axis (0, 1, 2) of the window that the slices are counted along.

    Raises
    ------
    BundleError
        If the kind is unknown.
    """

    table: Tensor | None

    def __init__(self, kind: str, channels: int, depth: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        if kind == "sinusoidal":
            self.register_buffer("table", _sinusoids(channels, depth), persistent=False)
            self.scale = nn.Parameter(torch.full((1,), 0.5))
        elif kind == "learned":
            self.register_buffer("table", None)
            self.scale = nn.Parameter(torch.randn(channels, depth) * 0.02)
        elif kind == "none":
            self.register_buffer("table", None)
            self.register_parameter("scale", None)
        else:
            raise BundleError(f"Unknown depth embedding '{kind}'.", "Choose sinusoidal, learned or none.")

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed the depth in tokens of shape ``(N, C, a, b, c)``."""
        if self.scale is None:
            return tokens
        embedding = self.scale if self.table is None else self.scale * self.table
        shape = [1, embedding.shape[0], 1, 1, 1]
        shape[2 + self.axis] = embedding.shape[1]
        return tokens + embedding.reshape(shape).to(tokens.dtype)


def _sinusoids(channels: int, depth: int) -> Tensor:
    """Sines and cosines of the slice index at wavelengths from 2 to 4 windows (Vaswani et al. 2017, section 3.5)."""
    half = (channels + 1) // 2
    wavelength = torch.logspace(math.log10(2.0), math.log10(4.0 * depth), half)
    phase = 2 * math.pi * torch.arange(depth)[None] / wavelength[:, None]
    return torch.cat([phase.sin(), phase.cos()])[:channels]
