"""Rows of the ablation table: what each changes of the starter, how it is trained, how it is measured."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from neosegdino.backbone import create_backbone
from neosegdino.model import WindowModel, rescale_windows
from neosegdino.spec import DecoderSpec, EncoderSpec, Shape
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Generator
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import starter
from neosegdino.training.fit_arm import fit_arm
from neosegdino.training.losses import dice_and_cross_entropy
from neosegdino.training.measure_synthetic import Scores, ViewFigures, measure_views
from neosegdino.training.optimise import Schedule, optimise
from neosegdino.training.scores import OUTSIDE
from neosegdino.training.supply import Shown, Supply
from neosegdino.training.two_pass import groups, two_pass_step
from neosegdino.windows import WindowGrid, disassemble, reassemble
from torch import Tensor, nn

BASELINE = "baseline"


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes
    ----------
    what : str
        How it differs from the baseline, for the table.
    encoder, decoder : dict
        Changed fields of the starter's encoder and decoder.
    counts : tuple of int
        Windows per axis that the starter's field of view is cut into.
    tokens : bool
        Whether there is an encoder; without one all tokens are zero.
    trained : str
        Kind of an encoder that `ablation.py encoder` has trained, in place of the given one.
    """

    what: str
    encoder: dict[str, Any] = field(default_factory=dict)
    decoder: dict[str, Any] = field(default_factory=dict)
    counts: Shape = (1, 1, 1)
    tokens: bool = True
    trained: str = ""


_STEM = {"channels": [24, 48, 112]}
_ARM_EACH = {"arms": "per-window"}
ROWS = {
    BASELINE: Row("the starter: unet head, sinusoidal depth, coronal, 4 times upsampled, one window"),
    "no-encoder": Row("no encoder: tokens are zero, image part alone", tokens=False),
    "head-stem": Row("stem head: whole blocks at full resolution", decoder={"name": "stem", "options": _STEM}),
    "head-dpt": Row("dpt head, no image part", decoder={"name": "dpt", "options": {}}),
    "head-linear": Row("linear head, no image part", decoder={"name": "linear", "options": {}}),
    "depth-learned": Row("learned depth embedding", decoder={"depth_embedding": "learned"}),
    "depth-none": Row("no depth embedding", decoder={"depth_embedding": "none"}),
    "axis-sagittal": Row("sagittal slices", encoder={"axis": "sagittal"}),
    "axis-axial": Row("axial slices", encoder={"axis": "axial"}),
    "upsampling-2": Row("2 times upsampled", encoder={"upsampling": 2}),
    "windows-2-shared": Row("2 windows, left and right, one shared arm", counts=(2, 1, 1)),
    "windows-2-each": Row("2 windows, left and right, an arm each", counts=(2, 1, 1), decoder=_ARM_EACH),
    "windows-8-shared": Row("8 windows, one shared arm", counts=(2, 2, 2)),
    "windows-8-each": Row("8 windows, an arm each", counts=(2, 2, 2), decoder=_ARM_EACH),
    "encoder-supervised": Row("encoder that named structures", trained="supervised"),
    "encoder-distilled": Row("encoder by self-distillation", trained="distilled"),
    "encoder-both": Row("encoder by both", trained="both"),
}
NOTE = (
    "The given encoder was trained on coronal slices that were upsampled 4 times. The rows with other slices or with "
    "another upsampling use it as it is; upsampling by 1 does not fit, as slices of 56 voxels are no multiple of the "
    "patch. Rows without image part are those of the heads dpt and linear. The standard error is that over images; "
    "another seed gives another arm."
)


class RowModel:
    """The model of a row.

    Parameters
    ----------
    row : Row
        What to build.
    weights : Path
        The encoder's.
    device : str
        Torch device.
    """

    def __init__(self, row: Row, weights: Path, device: str) -> None:
        encoder: EncoderSpec = msgspec.structs.replace(starter.ENCODER, **row.encoder)
        decoder: DecoderSpec = msgspec.structs.replace(starter.DECODER, **row.decoder)
        backbone = create_backbone(encoder, pretrained_state=starter.load_weights(weights)).to(device)
        self.alone = not row.tokens
        self.counts = row.counts
        self.positions = int(np.prod(row.counts))
        x, y, z = (n // count for n, count in zip(starter.WINDOWS.size, row.counts, strict=True))
        self.model = WindowModel(encoder, backbone, (x, y, z), decoder, starter.CLASSES, self.positions).to(device)

    @property
    def parameters(self) -> int:
        """Trained parameters."""
        return sum(parameter.numel() for parameter in self.model.arms.parameters())

    def fit(self, generator: Generator, images: int, schedule: Schedule, log: Callable[[str], None]) -> None:
        """Train the arms: windows of one kind as the starter's are, several as fine-tuning does."""
        views = [(view, images) for view in starter.DECODER_VIEWS]
        fit = partial(fit_arm, alone=self.alone) if self.positions == 1 else self.fit_windows
        with tempfile.TemporaryDirectory() as scratch:
            fit(self.model, generator, views, schedule, Path(scratch) / "run.checkpoint", log, 1e9)

    def scores(self, generator: Generator) -> Scores:
        """Scores of whole fields of view."""
        arms = self.model.arms.eval()

        def scores(image: Tensor) -> Tensor:
            grid, windows, tokens = self._cut(image, generator)
            parts = [self._decode(tokens, windows, group) for group in groups(range(len(grid)), arms.together())]
            return reassemble(torch.cat(parts), grid, image.shape[2:])[None]

        return scores

    def fit_windows(
        self,
        model: WindowModel,
        generator: Generator,
        views: list[tuple[View, int]],
        schedule: Schedule,
        checkpoint: Path,
        log: Callable[[str], None],
        limit_s: float,
    ) -> bool:
        """Two passes over the windows of all images of a step; the loss is that of `fit_arm`, on the same images.

        The images lie one behind the other along x as one volume, whose windows are theirs.
        """
        arms, loss_of = model.arms.train(), dice_and_cross_entropy()

        supply = Supply(generator, [Shown(*shown) for shown in views])

        def loss(step: int) -> Tensor:
            batch = supply(step)
            grid, windows, tokens = self._cut(_in_line(batch.image), generator)
            target = _in_line(batch.target[:, None])[0, 0]
            arms.zero_grad(set_to_none=True)
            value, _ = two_pass_step(
                lambda positions: self._decode(tokens, windows, positions),
                grid,
                target,
                loss_of,
                OUTSIDE,
                together=arms.together(),
            )
            return carrying_gradients(value, arms)

        return optimise(arms, loss, schedule, checkpoint, log, limit_s)

    def _cut(self, image: Tensor, generator: Generator) -> tuple[WindowGrid, Tensor, list[Tensor]]:
        """Windows of images in a line ``(1, 1, n x, y, z)``, each scaled by itself, and their tokens."""
        along = image.shape[2] // self.model.window[0]
        grid = WindowGrid(self.model.window, (along, *self.counts[1:]), (0, 0, 0))
        windows = disassemble(image[0], grid)
        if self.positions > 1:
            windows = rescale_windows(windows, *generator.scaling)
        encoder = self.model.encoder
        with _bfloat16(image):
            return grid, windows, encoder.no_tokens(windows) if self.alone else encoder.encode_whole(windows)

    def _decode(self, tokens: Sequence[Tensor], windows: Tensor, positions: Sequence[int]) -> Tensor:
        """Scores of windows by their positions in the line; an image's windows follow one another."""
        chosen = list(positions)
        with _bfloat16(windows):
            scores: Tensor = self.model.arms(chosen[0] % self.positions, [t[chosen] for t in tokens], windows[chosen])
        return scores.float()


def carrying_gradients(value: Tensor, module: nn.Module) -> Tensor:
    """A loss of this value whose backward pass gives the parameters the gradients that they hold now."""
    held = [(parameter, parameter.grad) for parameter in module.parameters() if parameter.grad is not None]
    linear = torch.stack([(parameter * gradient).sum() for parameter, gradient in held]).sum()
    return value + (linear - linear.detach())


def run_row(
    row: Row,
    maps: LabelMaps,
    weights: Path,
    *,
    steps: int,
    images: int,
    count: int,
    seed: int,
    device: str,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Train one row and measure it on the images that everything is measured on.

    Parameters
    ----------
    row : Row
        What is trained.
    maps : LabelMaps
        All label maps.
    weights : Path
        The encoder's.
    steps, images : int
        Steps, and images per step.
    count : int
        Images to measure on.
    seed : int
        Of the images trained on and the initial weights.
    device : str
        Torch device.
    log : callable
        Takes lines about the progress.
    """
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    made = RowModel(row, weights, device)
    generator = starter.make_generator(maps, held_out=False, seed=seed, device=device)
    recipe = starter.RECIPE.arm.schedule
    schedule = Schedule(steps, recipe.rate, min(recipe.warmup, steps // 4), recipe.weight_decay)
    seconds = timed(lambda: made.fit(generator, images, schedule, log), device)
    measuring = starter.measuring_generator(maps, device)
    found = measure_views(made.scores(measuring), measuring, starter.NEAR, count)
    return {
        "what": row.what,
        "parameters": made.parameters,
        "steps": steps,
        "images": images,
        "seed": seed,
        "seconds": seconds,
        **_figures(found),
    }


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds that some work takes."""
    began = time.perf_counter()
    work()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _figures(found: ViewFigures) -> dict[str, Any]:
    """Dice and HD95, left and right; an empty answer has a Dice of 0 and no HD95."""
    dice, distance = found.column("dice"), found.column("hd95_mm")
    told = ~np.isnan(distance)
    sums, counts = np.where(told, distance, 0).sum(axis=0), told.sum(axis=0)
    return {
        "count": len(dice),
        "dice_mean": dice.mean(axis=0).tolist(),
        "dice_sd": dice.std(axis=0, ddof=min(1, len(dice) - 1)).tolist(),
        "hd95_mm_mean": [float(total / n) if n else None for total, n in zip(sums, counts, strict=True)],
        "hd95_count": counts.tolist(),
        "dice": dice.round(5).tolist(),
    }


def _in_line(images: Tensor) -> Tensor:
    """``(N, C, x, y, z)`` to ``(1, C, N x, y, z)``."""
    return torch.cat(list(images), dim=1)[None]


def _bfloat16(image: Tensor) -> torch.autocast:
    return torch.autocast(image.device.type, torch.bfloat16, enabled=image.is_cuda)


def save(record: dict[str, Any], path: Path) -> None:
    """Write a row's record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
