"""Scores of a sample: of one window, and of the whole; the Dice of their answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from neosegdino.cases.case import SIDES
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


def dice_of(scores: Tensor, target: Tensor) -> tuple[float | None, float | None]:
    """Dice of left and right of scores ``(C, X, Y, Z)``; None for a side that is not in the target."""
    from monai.metrics import compute_dice

    found = scores.argmax(dim=0)
    values = torch.tensor(list(SIDES.values()), device=target.device)[:, None, None, None]
    dice = compute_dice((found == values)[None], (target == values)[None], include_background=True, ignore_empty=True)
    left, right = (None if math.isnan(value) else value for value in dice[0].tolist())
    return left, right


def _tokens(sample: Sample, positions: Sequence[int]) -> Iterable[Tensor]:
    """Tokens of every block; several windows' are joined as they are asked for, so that one block's copies are held."""
    if len(positions) == 1:
        return sample.tokens(positions[0])
    return (torch.cat(parts) for parts in zip(*map(sample.tokens, positions), strict=True))
