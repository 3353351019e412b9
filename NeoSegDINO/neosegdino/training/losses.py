"""The loss on a reassembled volume, and what two answers to the same anatomy may be asked to share."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

LEAST_OF_INTEREST = 0.01
"""Share of all voxels that `disagreement` divides by where fewer are of interest: windows beside the hippocampi."""


def dice_and_cross_entropy() -> Callable[[Tensor, Tensor], Tensor]:
    """Soft Dice of the foreground classes (pooled over the batch) plus cross-entropy, from monai.

    Returns
    -------
    callable
        Loss of scores ``(N, C, X, Y, Z)`` against classes ``(N, 1, X, Y, Z)``.
    """
    from monai.losses import DiceCELoss

    return DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)  # type: ignore[no-any-return]


def disagreement(scores: Tensor, target: Tensor) -> Tensor:
    """How unlike the answers to two looks at the same anatomy are: to images 0 and 1, 2 and 3, and so on.

    An image shows some borders and hides others; which ones depends on its contrast. Where two contrasts of one head
    are asked to give one answer, the model learns to fill in what it does not see in a way that does not depend on it.

    Parameters
    ----------
    scores : Tensor
        ``(2N, C, X, Y, Z)`` float.
    target : Tensor
        ``(2N, X, Y, Z)`` int64. Voxels that are of one class in one look and of another in the other, such as those
        beyond the border of the acquired volume, do not count.

    Returns
    -------
    Tensor
        Jeffreys' divergence of the classes' probabilities, in nats, summed over all voxels and divided by the number of
        those that are no background, or by a hundredth of all where those are fewer.
    """
    first, second = (scores[place::2].log_softmax(dim=1) for place in range(2))
    divergence = ((first.exp() - second.exp()) * (first - second)).sum(dim=1)
    counted = target[::2] == target[1::2]
    of_interest = (counted & (target[::2] > 0)).sum()
    return (divergence * counted).sum() / of_interest.clamp(min=LEAST_OF_INTEREST * counted.numel())
