"""The loss on a reassembled volume, and what two answers to the same anatomy may be asked to share."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

LEAST_ANSWERED = 1e-3
"""Share of all voxels that `disagreement` divides by where less is answered: windows beside the hippocampi."""


def dice_and_cross_entropy() -> Callable[[Tensor, Tensor], Tensor]:
    """Soft Dice of the foreground classes (pooled over the batch) plus cross-entropy, from monai.

    Returns
    -------
    callable
        Loss of scores ``(N, C, X, Y, Z)`` against classes ``(N, 1, X, Y, Z)``.
    """
    from monai.losses import DiceCELoss

    return DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)  # type: ignore[no-any-return]


def disagreement(scores: Tensor) -> Tensor:
    """How unlike the answers to two looks at the same anatomy are: to images 0 and 1, 2 and 3, and so on.

    An image shows some borders and hides others; which ones depends on its contrast. Where two contrasts of one head
    are asked to give one answer, the model learns to fill in what it does not see in a way that does not depend on it.

    Parameters
    ----------
    scores : Tensor
        ``(2N, C, X, Y, Z)`` float.

    Returns
    -------
    Tensor
        Differences of the foreground's probabilities, summed over classes and voxels and divided by the sum of both
        answers, or by a thousandth of the voxels where that is less: 0 for like answers, 1 where they do not meet.
    """
    first, second = (scores[place::2].softmax(dim=1)[:, 1:] for place in range(2))
    answered = (first + second).detach().sum()  # larger answers are not to make the term smaller
    return (first - second).abs().sum() / answered.clamp(min=LEAST_ANSWERED * first[:, 0].numel())
