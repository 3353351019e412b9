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
from neosegdino.training.losses import dice_and_cross_entropy
from neosegdino.training.optimise import Schedule, optimise


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
) -> bool:
    """Train the shared arm of a model; the encoder stays as it is.

    Parameters
    ----------
    model : WindowModel
        Encoder and arm for one kind of window.
    generator : Generator
        Makes the images.
    views : list
        View and images per step; the steps go round the list.
    schedule, checkpoint, log, limit_s
        As in `optimise`.
    compiled : bool
        Compile encoder and arm first, which takes a minute and makes the steps shorter.

    Returns
    -------
    bool
        Whether all steps are done.
    """
    device = generator.draw.device
    arms = model.arms.to(device).train()
    encode, decode = model.encoder.encode_slices, cast(Callable[..., Tensor], arms)
    if compiled:
        encode, decode = torch.compile(encode, dynamic=False), torch.compile(decode, dynamic=False)
    loss_function = dice_and_cross_entropy()

    def loss(step: int) -> Tensor:
        view, images = views[step % len(views)]
        batch = generator(images, view)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            with torch.no_grad():
                tokens = model.encoder.encode_whole(batch.image, encode)
            scores = decode(0, tokens, batch.image)
        return loss_function(scores.float(), batch.target[:, None])

    done = optimise(arms, loss, schedule, checkpoint, log, limit_s, [generator.draw.generator])
    arms.eval()
    return done
