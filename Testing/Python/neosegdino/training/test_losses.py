from __future__ import annotations

import pytest
import torch
from neosegdino.training.losses import LEAST_OF_INTEREST, dice_and_cross_entropy, disagreement


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


def test_two_like_answers_disagree_nowhere_and_unlike_ones_by_jeffreys_divergence() -> None:
    target = torch.zeros(4, 2, 2, 2, dtype=torch.long)
    target[:, 0, 0, 0], target[:, 1, 1, 1] = 1, 2
    first, second = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.3, 0.2])
    scores = torch.stack([first, first, first, second]).log()[..., None, None, None].expand(4, 3, 2, 2, 2).clone()
    jeffreys = float(((first - second) * (first / second).log()).sum())
    scores.requires_grad_(True)
    found = disagreement(scores, target)
    assert found.item() == pytest.approx(8 * jeffreys / 4)  # the voxels of the second pair, the hippocampi's of both
    found.backward()
    assert scores.grad is not None
    assert not scores.grad[:2].any()
    assert scores.grad[2].any()
    assert scores.grad[3].any()


def test_what_one_of_two_looks_does_not_show_is_not_asked_to_agree() -> None:
    target = torch.zeros(2, 2, 2, 2, dtype=torch.long)
    target[:, 0] = 1
    target[1, 0, 0] = 0
    scores = torch.zeros(2, 3, 2, 2, 2)
    scores[1, 1, 0, 0] = 5.0
    assert disagreement(scores, target) == 0
    scores[1, 1, 0, 1] = 5.0
    assert disagreement(scores, target) > 0
    assert disagreement(scores[:, :, 1:], target[:, 1:]) == 0  # no hippocampus at all


@pytest.mark.parametrize("shown", [0, 1, 10, 11])
def test_windows_that_show_hardly_any_hippocampus_do_not_weigh_more_for_it(shown: int) -> None:
    """Of 1,000 voxels ten or fewer are of interest: the term is the same; with more of them it becomes smaller."""
    target = torch.zeros(2, 10, 10, 10, dtype=torch.long)
    target[:, 0, 0, :shown] = target[:, 0, 1, : max(0, shown - 10)] = 1
    scores = torch.zeros(2, 3, 10, 10, 10)
    scores[1, 2] = 1.0
    jeffreys = disagreement(scores, torch.ones_like(target)).item()  # of every voxel
    assert disagreement(scores, target).item() == pytest.approx(jeffreys / max(LEAST_OF_INTEREST, shown / 1000))
