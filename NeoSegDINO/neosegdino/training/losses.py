"""The loss on a reassembled volume, and what two answers to the same anatomy may be asked to share."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

LEAST_ANSWERED = 1e-3
"""Share of all voxels that disagreements are divided by where less is answered: windows beside the hippocampi."""


def dice_and_cross_entropy() -> Callable[[Tensor, Tensor], Tensor]:
    """Soft Dice of the foreground classes (pooled over the batch) plus cross-entropy, from monai.

    Returns
    -------
    callable
        Loss of scores ``(N, C, X, Y, Z)`` against classes ``(N, 1, X, Y, Z)``.
    """
    from monai.losses import DiceCELoss

    return DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)  # type: ignore[no-any-return]


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """How unlike two answers to the same anatomy are.

    An image shows some borders and hides others; which ones depends on its contrast. Where T1 and T2 of one head
    are asked to give one answer, the model learns to fill in what it does not see in a way that does not depend on it.

    Parameters
    ----------
    first, second : Tensor
        Scores ``(N, C, X, Y, Z)`` of two images each of N anatomies, float.

    Returns
    -------
    Tensor
        Differences of the foreground's probabilities, summed over classes and voxels and divided by the sum of both
        answers, or by a thousandth of the voxels where that is less: 0 for like answers, 1 where they do not meet.
    """
    one, other = _foreground(first), _foreground(second)
    answered = (one + other).detach().sum()  # larger answers are not to make the term smaller
    return (one - other).abs().sum() / answered.clamp(min=LEAST_ANSWERED * one[:, 0].numel())


def volumes_apart(first: Tensor, second: Tensor) -> Tensor:
    """How far the volumes of two answers to the same anatomy are apart, wherever their voxels lie.

    Two answers whose borders are unsure in a like manner still disagree voxel by voxel. What is measured in the end is
    the volume, and it can agree where no border does.

    Parameters
    ----------
    first, second : Tensor
        As for `disagreement`.

    Returns
    -------
    Tensor
        Difference of the foreground's probabilities, summed over voxels, divided by the sum of both answers or by a
        thousandth of the voxels where that is less; the mean over classes and anatomies.
    """
    one, other = (_foreground(scores).sum(dim=(2, 3, 4)) for scores in (first, second))
    answered = (one + other).detach().clamp(min=LEAST_ANSWERED * first[0, 0].numel())
    return ((one - other).abs() / answered).mean()


def _foreground(scores: Tensor) -> Tensor:
    return scores.softmax(dim=1)[:, 1:]
