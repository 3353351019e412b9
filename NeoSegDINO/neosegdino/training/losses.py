"""The loss on a reassembled volume."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def dice_and_cross_entropy() -> Callable[[Tensor, Tensor], Tensor]:
    """Soft Dice of the foreground classes (pooled over the batch) plus cross-entropy, from monai.

    Returns
    -------
    callable
        Loss of scores ``(N, C, X, Y, Z)`` against classes ``(N, 1, X, Y, Z)``.
    """
    from monai.losses import DiceCELoss

    return DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)  # type: ignore[no-any-return]
