"""Decoding arms: one shared by all windows, or one per window position (arXiv 2602.23962)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from neosegdino.decoder.base import HeadShape, create_head
from neosegdino.depth import DepthEmbedding
from neosegdino.errors import BundleError
from neosegdino.spec import DecoderSpec


class DecodingArm(nn.Module):
    """Depth embedding and head: tokens of one window in, scores out."""

    def __init__(self, spec: DecoderSpec, shape: HeadShape, axis: int) -> None:
        super().__init__()
        self.depth = DepthEmbedding(spec.depth_embedding, shape.channels, shape.window[axis], axis)
        self.head = create_head(spec.name, shape, **spec.options)

    def forward(self, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Scores ``(N, classes, x, y, z)`` from tokens without depth and the window's image ``(N, 1, x, y, z)``."""
        scores: Tensor = self.head((self.depth(t) for t in tokens), image)
        return scores


class DecodingArms(nn.Module):
    """All arms of a model.

    Parameters
    ----------
    spec : DecoderSpec
        Head, depth embedding, shared or per window.
    shape : HeadShape
        What every arm is built for.
    axis : int
        Slice axis of the window.
    positions : int, optional
        Window positions; needed by arms per window.

    Raises
    ------
    BundleError
        If arms per window are asked for and the positions are not known.
    """

    def __init__(self, spec: DecoderSpec, shape: HeadShape, axis: int, positions: int | None = None) -> None:
        super().__init__()
        self.shared = spec.arms == "shared"
        if not self.shared and positions is None:
            raise BundleError("Arms per window need a fixed cut.", "Set windows.counts in the bundle.")
        count = 1 if self.shared or positions is None else positions
        self.arms = nn.ModuleList([DecodingArm(spec, shape, axis) for _ in range(count)])

    def together(self) -> int:
        """Windows that may be decoded at once where no graph is kept, within the memory of one window's graph.

        One where every window has an arm of its own, and where dropout draws: then each window has random numbers of
        its own, which its second pass repeats.
        """
        draws = self.training and any(isinstance(part, _DropoutNd) and part.p > 0 for part in self.modules())
        if draws or not self.shared:
            return 1
        return cast(DecodingArm, self.arms[0]).head.together

    def forward(self, position: int, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Scores of windows at a position of the cut; a shared arm takes windows of any positions at once."""
        scores: Tensor = self.arms[0 if self.shared else position](tokens, image)
        return scores
