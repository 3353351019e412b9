"""Train a decoding arm on synthetic windows above a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from neosegdino.model import WindowModel
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Generator
from neosegdino.training.losses import dice_and_cross_entropy, disagreement, volumes_apart
from neosegdino.training.optimise import Schedule, optimise
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.training.supply import Shown, Supply

PAIR = ("newborn T1", "newborn T2")
"""Contrasts of the two images of a head that are asked for one answer."""


def fit_arm(
    model: WindowModel,
    generator: Generator,
    views: list[tuple[View, int]],
    schedule: Schedule,
    checkpoint: Path,
    log: Callable[[str], None],
    limit_s: float,
    *,
    compiled: bool = False,
    alone: bool = False,
    agreement: float = 0.0,
    volumes: float = 0.0,
    parts: int = 1,
    ranks: Ranks = ALONE,
) -> bool:
    """Train the shared arm of a model; the encoder stays as it is.

    Parameters
    ----------
    model : WindowModel
        Encoder and arm for one kind of window.
    generator : Generator
        Makes the images, see `Supply`.
    views : list
        View and images per part of a step; the steps go round the list.
    schedule, checkpoint, log, limit_s, parts, ranks
        As in `optimise`.
    compiled : bool
        Compile the encoder's blocks and the arm first, which takes a minute and makes the steps shorter.
    alone : bool
        Train the arm's image part without the encoder: all tokens are zero, steps are far shorter.
    agreement, volumes : float
        Weights of the `disagreement` between the answers to a newborn's T1 and T2, and of how far their `volumes_apart`
        are. With either, every second step shows such pairs, for which it is asked; those between show single images
        of any contrast.

    Returns
    -------
    bool
        Whether all steps are done.
    """
    device = generator.draw.device
    arms = model.arms.to(device).train()
    decode = cast(Callable[..., Tensor], torch.compile(arms, dynamic=False) if compiled else arms)
    if compiled:
        model.encoder.compile_blocks()
    loss_function = dice_and_cross_entropy()
    supply = Supply(generator, _steps(views, paired=bool(agreement or volumes)), parts=parts)

    def loss(number: int) -> Tensor:
        batch = supply(number)
        image = batch.image
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            tokens = model.encoder.no_tokens(image) if alone else model.encoder.encode_whole(image)
            scores = decode(0, tokens, image).float()
        wrong = loss_function(scores, batch.target[:, None])
        if supply.shown(number).contrasts:
            first, second = scores[::2], scores[1::2]
            wrong = wrong + agreement * disagreement(first, second) + volumes * volumes_apart(first, second)
        return wrong

    done = optimise(arms, loss, schedule, checkpoint, log, limit_s, parts=parts, ranks=ranks)
    arms.eval()
    return done


def _steps(views: list[tuple[View, int]], *, paired: bool) -> list[Shown]:
    """What the steps show: the views, and behind each the same once more with pairs."""
    kinds: list[tuple[str, ...]] = [(), PAIR] if paired else [()]
    return [Shown(view, images, contrasts) for view, images in views for contrasts in kinds]
