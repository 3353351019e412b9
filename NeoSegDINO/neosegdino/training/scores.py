"""Scores of a sample: of one window, and of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from neosegdino.decoder import DecodingArms
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.training.two_pass import groups
from neosegdino.training.views import Sample
from neosegdino.windows import reassemble

OUTSIDE = (0.0, -10.0, -10.0)
"""Scores where no window lies: surely background."""


def window_scores(arms: DecodingArms, sample: Sample, positions: Sequence[int]) -> Tensor:
    """Scores ``(k, C, x, y, z)`` of the windows at some positions; of several only where the arm is shared."""
    kind = sample.windows.device.type
    tokens = _tokens(sample, positions)
    windows = torch.cat([sample.windows[position : position + 1] for position in positions])
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        scores: Tensor = arms(positions[0], tokens, windows)
    return scores.float()


@torch.no_grad()
def whole_scores(arms: DecodingArms, sample: Sample, ranks: Ranks = ALONE) -> Tensor:
    """Scores ``(C, X, Y, Z)`` of all windows put together, without dropout; the same on all ranks."""
    training = arms.training
    arms.eval()
    count = len(sample.cut)
    own = groups(ranks.mine(count), arms.together())
    windows = ranks.gather([scores for group in own for scores in window_scores(arms, sample, group)], count)
    arms.train(training)
    return reassemble(windows, sample.cut, sample.target.shape, windows.new_tensor(OUTSIDE))


def _tokens(sample: Sample, positions: Sequence[int]) -> Iterable[Tensor]:
    """Tokens of every block; several windows' are joined as they are asked for, so that one block's copies are held."""
    if len(positions) == 1:
        return sample.tokens(positions[0])
    return (torch.cat(parts) for parts in zip(*map(sample.tokens, positions), strict=True))
