"""Small encoders from scratch, each kind for the same time: naming structures, self-distillation, both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from ablation_rows import timed
from neosegdino.backbone import create_backbone
from neosegdino.encoder import SliceEncoder
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import starter
from neosegdino.training.distil import LOOKS, distil
from neosegdino.training.pretrain import pretrain
from torch import nn

KINDS = ("supervised", "distilled", "both")
FEW, MORE = 4, 16
"""Steps of the two trials whose difference tells the time of a step; the views take turns in fours."""


def train_encoder(
    kind: str,
    maps: LabelMaps,
    folder: Path,
    *,
    seconds: float,
    steps: int | None,
    seed: int,
    device: str,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Train an encoder with the starter's recipe, but for the length of the schedule.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    maps : LabelMaps
        All label maps.
    folder : Path
        Takes ``encoder.safetensors``.
    seconds : float
        Length of the training; trials before it tell how many steps that is.
    steps : int, optional
        Length in steps, in place of `seconds`.
    seed : int
        Of the images and the initial weights.
    device : str
        Torch device.
    log : callable
        Takes lines about the progress.
    """
    torch.set_float32_matmul_precision("high")

    def work(count: int, checkpoint: Path) -> tuple[nn.Module, dict[str, Any]]:
        return _run(kind, maps, checkpoint, count, seed, device, log)

    count = steps if steps is not None else _steps_in(seconds, work, device)
    log(f"{count} steps")
    found: list[tuple[nn.Module, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as scratch:
        took = timed(lambda: found.append(work(count, Path(scratch) / "run.checkpoint")), device)
    ((backbone, told),) = found
    folder.mkdir(parents=True, exist_ok=True)
    starter.save_weights(backbone.state_dict(), folder / "encoder.safetensors")
    return {"kind": kind, "steps": count, "seconds": took, "seed": seed, **told}


def _steps_in(seconds: float, work: Callable[[int, Path], object], device: str) -> int:
    """Steps that take so long, by two short trials; one more before them warms everything up."""

    def trial(steps: int) -> float:
        with tempfile.TemporaryDirectory() as scratch:
            return timed(lambda: work(steps, Path(scratch) / "run.checkpoint"), device)

    trial(FEW)
    step = (trial(MORE) - trial(FEW)) / (MORE - FEW)
    return max(FEW, round(seconds / max(step, 1e-3)))


def _run(
    kind: str,
    maps: LabelMaps,
    checkpoint: Path,
    steps: int,
    seed: int,
    device: str,
    log: Callable[[str], None],
) -> tuple[nn.Module, dict[str, Any]]:
    """Train with a whole schedule of so many steps; every kind sees the same number of slices in a step."""
    torch.manual_seed(seed)
    generator = starter.make_generator(maps, held_out=False, seed=seed, device=device)
    recipe = starter.RECIPE.encoder
    schedule = replace(recipe.schedule, steps=steps, warmup=min(recipe.schedule.warmup, steps // 4))
    backbone = create_backbone(starter.ENCODER)
    near = SliceEncoder(starter.ENCODER, backbone, starter.WINDOWS.size)
    head = SliceEncoder(starter.ENCODER, backbone, starter.LOCATOR.size, starter.LOCATOR.upsampling)
    images = recipe.images if kind == "supervised" else recipe.images // LOOKS
    views = [
        (view, encoder, images, recipe.slices)
        for view, encoder in (
            (starter.NEAR, near),
            (starter.ANYWHERE, near),
            (starter.NEAR, near),
            (starter.HEAD, head),
        )
    ]
    if kind == "supervised":
        backbone, _ = pretrain(generator, views, schedule, checkpoint, log, 1e9)
        return backbone, {}
    found = distil(generator, views, schedule, checkpoint, log, 1e9, naming=kind == "both")
    return found.backbone, {"entropy_slices": found.entropy[0], "entropy_patches": found.entropy[1]}
