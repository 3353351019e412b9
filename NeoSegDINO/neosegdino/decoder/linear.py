"""Linear probe: one linear map per token, scores interpolated to voxels. The simplest baseline."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neosegdino.decoder.base import Head, HeadShape, register


@register("linear")
class LinearHead(Head):
    """A 1x1x1 projection of all blocks' tokens to class scores."""

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        self.score = nn.Conv3d(shape.channels * shape.blocks, shape.classes, 1)

    def forward(self, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Scores ``(N, classes, x, y, z)``; the image itself is not looked at."""
        scores = self.score(torch.cat(list(tokens), dim=1))
        return F.interpolate(scores, size=image.shape[2:], mode="trilinear", align_corners=False)
