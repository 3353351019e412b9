from __future__ import annotations

import torch
from neosegdino.training.losses import dice_and_cross_entropy


def scores_for(labels: torch.Tensor, sureness: float) -> torch.Tensor:
    return sureness * torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()


def test_right_scores_cost_nothing_and_wrong_ones_much() -> None:
    torch.manual_seed(0)
    target = torch.randint(0, 3, (2, 1, 6, 6, 6))
    loss = dice_and_cross_entropy()
    right = loss(scores_for(target[:, 0], 30), target)
    swapped = loss(scores_for((3 - target[:, 0]) % 3, 30), target)
    assert right < 1e-3
    assert swapped > 5


def test_dice_is_pooled_over_the_batch_and_leaves_the_background_out() -> None:
    """An image without a hippocampus beside one with both costs nothing extra when both are segmented rightly."""
    target = torch.zeros(2, 1, 4, 4, 4, dtype=torch.long)
    target[0, 0, 0], target[0, 0, 3] = 1, 2
    loss = dice_and_cross_entropy()
    assert loss(scores_for(target[:, 0], 30), target) < 1e-3
    nothing = loss(scores_for(torch.zeros_like(target[:, 0]), 30), target)
    share_missed = 32 / 128  # cross-entropy of 30 at each missed voxel, and both Dice lost
    assert torch.allclose(nothing, torch.tensor(1 + 30 * share_missed), rtol=0.01)
