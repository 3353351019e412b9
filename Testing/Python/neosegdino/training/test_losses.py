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


def test_two_like_answers_disagree_nowhere_and_unlike_ones_by_what_they_do_not_share() -> None:
    target = torch.zeros(4, 2, 2, 2, dtype=torch.long)
    target[:, 0, 0, 0], target[:, 1, 1, 1] = 1, 2
    first, second = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.3, 0.2])
    scores = torch.stack([first, first, first, second]).log()[..., None, None, None].expand(4, 3, 2, 2, 2).clone()
    scores.requires_grad_(True)
    found = disagreement(scores, target)
    assert found.item() == pytest.approx((0.1 + 0.1) / (3 * 0.3 + 0.5))
    found.backward()
    assert scores.grad is not None
    assert not scores.grad[:2].any()
    assert scores.grad[2].any()
    assert scores.grad[3].any()


def test_answers_that_share_nothing_disagree_by_one() -> None:
    left, right = torch.ones(1, 2, 2, 2, dtype=torch.long), torch.full((1, 2, 2, 2), 2)
    found = disagreement(scores_for(torch.cat([left, right]), 30), torch.zeros(2, 2, 2, 2, dtype=torch.long))
    assert found.item() == pytest.approx(1)


def test_what_one_of_two_looks_does_not_show_is_not_asked_to_agree() -> None:
    target = torch.zeros(2, 2, 2, 2, dtype=torch.long)
    target[:, 0] = 1
    target[1, 0, 0] = 0
    scores = torch.zeros(2, 3, 2, 2, 2)
    scores[1, 1, 0, 0] = 5.0
    assert disagreement(scores, target) == 0
    scores[1, 1, 0, 1] = 5.0
    assert disagreement(scores, target) > 0


@pytest.mark.parametrize(("answered", "divisor"), [(0.5, LEAST_OF_INTEREST * 1000), (3.0, 3.0)])
def test_windows_in_which_hardly_anything_is_answered_do_not_weigh_more_for_it(answered: float, divisor: float) -> None:
    """Of 1,000 voxels the foreground of both looks fills less than one, or three: it is divided by the larger."""
    target = torch.zeros(2, 10, 10, 10, dtype=torch.long)
    scores = torch.full((2, 3, 10, 10, 10), -40.0)
    scores[:, 0] = 40.0
    size = int(2 * answered)
    scores[0, :2, 0, 0, :size] = 0.0  # one look is of two minds about some voxels
    assert disagreement(scores, target).item() == pytest.approx(size * 0.5 / divisor)
