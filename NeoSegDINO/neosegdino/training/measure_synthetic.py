"""Dice of trained windows on synthetic images of heads that were never trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from neosegdino.model import WindowModel
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Generator


@torch.no_grad()
def dice_on_views(model: WindowModel, generator: Generator, view: View, count: int) -> Tensor:
    """Dice of every image and side.

    Parameters
    ----------
    model : WindowModel
        Trained window model on the generator's device.
    generator : Generator
        Makes images of held-out heads.
    view : View
        Field of view.
    count : int
        Images.

    Returns
    -------
    Tensor
        ``(count, 2)``; NaN where a side is not in the field of view.
    """
    from monai.metrics import compute_dice

    device = generator.draw.device
    rows = []
    for _ in range(count):
        batch = generator(1, view)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            scores = model(batch.image)
        found, truth = (
            torch.stack([labels == value for value in (1, 2)], dim=1)
            for labels in (scores.float().argmax(1), batch.target)
        )
        rows.append(compute_dice(found.float(), truth.float(), include_background=True, ignore_empty=True))
    return torch.cat(rows).cpu()
