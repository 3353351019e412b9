"""Views of a case: turned, stretched, shifted, mirrored, and of another contrast, sharpness and noise."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from neosegdino.cases.case import SIDES
from neosegdino.spec import Shape

VERSION = 1
"""Part of what cached views depend on: to be raised when the views change."""
_TURN = math.radians(12)
_SHIFT = 8.0
"""Voxels: how far a window lies beside the middle of the hippocampi at most, as after a coarse search."""
_STRETCH = 0.12
_SHEAR = 0.06


class Augmentation:
    """Draws views with monai's transforms.

    Parameters
    ----------
    shape : tuple of int
        Voxels of a view; the case is larger by its margin.
    mirror : bool
        Whether half of the views exchange left and right.
    """

    def __init__(self, shape: Shape, mirror: bool) -> None:
        self._mirror = mirror
        self._transform = _transforms(shape)

    def __call__(self, image: Tensor, target: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Draw a view.

        Parameters
        ----------
        image : Tensor
            ``(1, X, Y, Z)`` scaled image with its margin.
        target : Tensor
            ``(X, Y, Z)`` classes.
        seed : int
            The same seed gives the same view.

        Returns
        -------
        image, target : Tensor
            Without the margin, of the same types.
        """
        self._transform.set_random_state(seed=seed)
        drawn = self._transform({"image": image, "target": target[None].float()})
        image, classes = (torch.as_tensor(drawn[key]).as_subclass(Tensor) for key in ("image", "target"))
        target = classes[0].round().to(target.dtype)
        if self._mirror and seed % 2:
            return image.flip(1).clamp(min=0), exchanged(target.flip(0))
        return image.clamp(min=0), target


def exchanged(target: Tensor) -> Tensor:
    """Labels with left and right exchanged."""
    left, right = SIDES["left"], SIDES["right"]
    return torch.where(target == left, right, torch.where(target == right, left, target)).to(target.dtype)


def _transforms(shape: Shape) -> Any:
    from monai import transforms as mt

    return mt.Compose(
        [
            mt.RandAffined(
                ("image", "target"),
                prob=1.0,
                spatial_size=shape,
                rotate_range=(_TURN,) * 3,
                shear_range=(_SHEAR,) * 6,
                translate_range=(_SHIFT,) * 3,
                scale_range=(_STRETCH,) * 3,
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            mt.RandBiasFieldd("image", degree=3, coeff_range=(0.0, 0.15), prob=0.4),
            mt.RandAdjustContrastd("image", gamma=(0.7, 1.5), prob=0.4),
            mt.RandGaussianSmoothd("image", (0.3, 0.9), (0.3, 0.9), (0.3, 0.9), prob=0.2),
            mt.RandSimulateLowResolutiond("image", zoom_range=(0.5, 1.0), prob=0.2),
            mt.RandGaussianNoised("image", prob=0.4, std=0.04),
        ]
    )
