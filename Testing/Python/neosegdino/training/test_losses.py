from __future__ import annotations

import pytest
import torch
from neosegdino.training.losses import LEAST_ANSWERED, dice_and_cross_entropy, disagreement, volumes_apart


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


def test_two_like_answers_disagree_nowhere_and_unlike_ones_by_what_is_not_in_both() -> None:
    first, second = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.3, 0.2])
    scores = torch.stack([first, first, first, second]).log()[..., None, None, None].expand(4, 3, 2, 2, 2).clone()
    assert disagreement(scores[:1], scores[1:2]) == 0
    scores.requires_grad_(True)
    found = disagreement(scores[::2], scores[1::2])
    assert found.item() == pytest.approx((0.1 + 0.1) / (0.3 + 0.3 + 0.3 + 0.5))  # of the two pairs together
    found.backward()
    assert scores.grad is not None
    assert scores.grad[2].any()
    assert scores.grad[3].any()


def test_answers_that_do_not_meet_disagree_wholly_however_sure_they_are() -> None:
    answers = torch.zeros(2, 2, 2, 2, dtype=torch.long)
    answers[0, 0, 0, 0], answers[1, 1, 1, 1] = 1, 2
    for sureness in (50, 500):
        assert disagreement(*scores_for(answers, sureness).split(1)).item() == pytest.approx(1)


def test_larger_answers_do_not_make_the_term_smaller() -> None:
    """Where both answers are alike but in one place, nothing is gained by growing in the others."""
    scores = torch.zeros(2, 3, 4, 4, 4)
    scores[1, 1, 0, 0, 0] = 2.0
    scores.requires_grad_(True)
    disagreement(scores[:1], scores[1:]).backward()
    assert scores.grad is not None
    assert scores.grad[:, :, 0, 0, 0].any()
    scores.grad[:, :, 0, 0, 0] = 0
    assert not scores.grad.any()


@pytest.mark.parametrize("answered", [0, 1, 2, 3])
def test_windows_in_which_hardly_anything_is_answered_do_not_weigh_more_for_it(answered: int) -> None:
    """Of 2,000 voxels two answers or fewer: the term is what is apart; with more of them it becomes smaller."""
    answers = torch.zeros(2, 20, 10, 10, dtype=torch.long)
    answers[0, 0, 0, :answered] = 1
    found = disagreement(*scores_for(answers, 50).split(1)).item()
    assert found == pytest.approx(answered / max(LEAST_ANSWERED * 2000, answered), abs=1e-5)


def test_volumes_are_apart_by_their_difference_however_the_voxels_lie() -> None:
    answers = torch.zeros(4, 4, 4, 4, dtype=torch.long)
    answers[0, 0, 0, :2], answers[1, 3, 0, :2] = 1, 1  # elsewhere, but as many
    answers[0, 1], answers[1, 2, :3] = 2, 2  # 16 and 12
    answers[2, 0], answers[3, 0] = 1, 1
    scores = scores_for(answers, 50)
    pairs = (0 + 4 / 28, 0 + 0)
    assert volumes_apart(scores[::2], scores[1::2]).item() == pytest.approx(sum(pairs) / 4, abs=1e-6)
    assert volumes_apart(scores[:1], scores[:1]) == 0


def test_a_side_that_is_hardly_answered_does_not_weigh_more_for_it() -> None:
    answers = torch.zeros(2, 20, 10, 10, dtype=torch.long)
    answers[0, 0, 0, 0] = 1  # of 2,000 voxels
    found = volumes_apart(*scores_for(answers, 50).split(1)).item()
    assert found == pytest.approx(1 / (LEAST_ANSWERED * 2000) / 2, abs=1e-5)


def test_the_larger_volume_is_made_smaller_and_the_smaller_one_larger() -> None:
    scores = torch.zeros(2, 3, 4, 4, 4)
    scores[0, 1] = 1.0
    scores.requires_grad_(True)
    volumes_apart(scores[:1], scores[1:]).backward()
    assert scores.grad is not None
    assert (scores.grad[0, 1] > 0).all()
    assert (scores.grad[1, 1] < 0).all()
