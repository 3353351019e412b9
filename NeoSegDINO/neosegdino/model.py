"""The model of one bundle: frozen slice encoder and decoding arms on windows of the model's grid."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from neosegdino.decoder import DecodingArms, HeadShape
from neosegdino.encoder import SliceEncoder
from neosegdino.spec import DecoderSpec, EncoderSpec, Shape

FOREGROUND = 0.05
"""Scaled intensity below which a voxel counts as empty."""
FLOOR = 0.3
"""A window is brightened at most by 1 / FLOOR, so that an empty corner does not become a picture of noise."""


class WindowModel(nn.Module):
    """Scores for windows: encode (frozen), then decode.

    Parameters
    ----------
    encoder : EncoderSpec
        How slices are shown to the ViT.
    backbone : nn.Module
        The ViT, shared between models.
    window : tuple of int
        Voxels of a window.
    decoder : DecoderSpec
        The decoding arms.
    classes : int
        Scores per voxel, background included.
    positions : int, optional
        Window positions, for arms per window.
    upsampling : int, optional
        In place of the encoder's own.
    mirrored : tuple of int, optional
        Classes of left and right, where every window is answered a second time in a mirror.
    """

    def __init__(
        self,
        encoder: EncoderSpec,
        backbone: nn.Module,
        window: Shape,
        decoder: DecoderSpec,
        classes: int,
        positions: int | None = None,
        upsampling: int | None = None,
        mirrored: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.encoder = SliceEncoder(encoder, backbone, window, upsampling)
        shape = HeadShape(self.encoder.channels, len(encoder.blocks), window, self.encoder.token_grid, classes)
        self.arms = DecodingArms(decoder, shape, self.encoder.axis, positions)
        self.window = window
        self.classes = classes
        self.mirrored = mirrored

    def forward(
        self, windows: Tensor, position: int = 0, chunk: int = 64, on_chunk: Callable[[], None] | None = None
    ) -> Tensor:
        """Scores ``(N, classes, x, y, z)`` of rescaled windows ``(N, 1, x, y, z)`` that share one position.

        ``chunk`` and ``on_chunk`` are the encoder's.
        """
        return self.answer(windows, position, lambda shown: self.encoder(shown, chunk, on_chunk))

    def answer(self, windows: Tensor, position: int, encode: Callable[[Tensor], list[Tensor]]) -> Tensor:
        """Decode what ``encode`` makes of windows; where the model looks twice, the mean of both looks' scores."""
        scores: Tensor = self.arms(position, encode(windows), windows)
        if self.mirrored is None:
            return scores
        turned = windows.flip(2)
        second: Tensor = self.arms(position, encode(turned), turned)
        return (scores.float() + turned_back(second.float(), *self.mirrored)) / 2

    def chunks(self, windows: Tensor, chunk: int) -> int:
        """Chunks that `forward` will encode, for progress."""
        looks = 1 if self.mirrored is None else 2
        return looks * self.encoder.chunks(windows, chunk)


def turned_back(scores: Tensor, left: int, right: int) -> Tensor:
    """Scores ``(N, C, x, y, z)`` of mirrored windows as scores of the windows: x runs back, left and right change."""
    order = list(range(scores.shape[1]))
    order[left], order[right] = right, left
    return scores.flip(2)[:, order]


def rescale_windows(windows: Tensor, percentile: float, clip: float) -> Tensor:
    """Scale every window by its own foreground, so that a bright scalp elsewhere does not darken it.

    Parameters
    ----------
    windows : Tensor
        ``(N, 1, x, y, z)``, already scaled over the whole volume.
    percentile : float
        Percentile of the window's foreground that becomes 1.
    clip : float
        Upper bound of the result.

    Returns
    -------
    Tensor
        Same shape. A window with hardly any foreground keeps its scale.
    """
    flat = windows.flatten(1)
    step = max(1, flat.shape[1] // 65536)
    sample = flat[:, ::step].sort(dim=1).values
    empty = (sample <= FOREGROUND).sum(dim=1)
    filled = sample.shape[1] - empty
    index = empty + ((filled - 1).clamp(min=0) * (percentile / 100)).long()
    top = sample.gather(1, index.clamp(max=sample.shape[1] - 1)[:, None])[:, 0].clamp(min=FLOOR)
    top = torch.where(filled > sample.shape[1] // 200, top, torch.ones_like(top))
    return (windows / top[:, None, None, None, None]).clamp(0, clip)
