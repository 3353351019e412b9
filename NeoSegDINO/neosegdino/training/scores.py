"""Scores of a sample: of one window, and of the whole."""

from __future__ import annotations

import torch
from torch import Tensor

from neosegdino.decoder import DecodingArms
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.training.views import Sample
from neosegdino.windows import reassemble

OUTSIDE = (0.0, -10.0, -10.0)
"""Scores where no window lies: surely background."""


def window_scores(arms: DecodingArms, sample: Sample, position: int) -> Tensor:
    """Scores ``(C, x, y, z)`` of the window at a position."""
    kind = sample.windows.device.type
    tokens = sample.tokens(position)
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        scores: Tensor = arms(position, tokens, sample.windows[position : position + 1])
    return scores[0].float()


@torch.no_grad()
def whole_scores(arms: DecodingArms, sample: Sample, ranks: Ranks = ALONE) -> Tensor:
    """Scores ``(C, X, Y, Z)`` of all windows put together, without dropout; the same on all ranks."""
    training = arms.training
    arms.eval()
    count = len(sample.cut)
    windows = ranks.gather([window_scores(arms, sample, place) for place in ranks.mine(count)], count)
    arms.train(training)
    return reassemble(windows, sample.cut, sample.target.shape, windows.new_tensor(OUTSIDE))
