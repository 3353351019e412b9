"""A head whose hippocampi differ in brightness, and a whole bundle that truly finds them: by that brightness.

The network around it is real (encoder, depth embedding, arms, windows, coarse pass); only the head of the arm is a rule
instead of trained layers. It knows front from back by the tissue, which is brighter in front, and no side by its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from bundle_samples import make_spec
from neosegdino.backbone import create_backbone
from neosegdino.bundle import Bundle, write_bundle
from neosegdino.decoder import Head, HeadShape, register
from neosegdino.geometry import Grid
from neosegdino.model import WindowModel
from neosegdino.spec import DecoderSpec, LocatorSpec, Preprocessing, WindowSpec
from neosegdino.volume import Volume
from numpy.typing import NDArray
from phantom import everywhere
from small_networks import encoder_spec
from torch import Tensor

CENTRE = np.array([5.0, -9.0, 12.0])
LEFT = CENTRE + np.array([-15.0, -20.0, -6.0])
RIGHT = CENTRE + np.array([15.0, -20.0, -6.0])
RADIUS = 8.7

ENCODER = encoder_spec(upsampling=1, options={"embed_dim": 32, "depth": 2, "num_heads": 2})
WINDOWS = WindowSpec((64, 48, 48))
DECODER = DecoderSpec("test-oracle", "decoder.safetensors", options={"reach": 3})
LOCATOR = LocatorSpec(
    (3.0, 3.0, 3.0), (32, 40, 32), 1, DecoderSpec("test-oracle", "locator.safetensors", options={"reach": 2})
)


@register("test-oracle")
class OracleHead(Head):
    """Bright balls are hippocampi: the brightest the right one, the less bright the left one."""

    def __init__(self, shape: HeadShape, reach: int) -> None:
        super().__init__(shape)
        self.reach = reach

    def forward(self, tokens: Sequence[Tensor], image: Tensor) -> Tensor:
        core = F.max_pool3d(image, 2 * self.reach + 1, stride=1, padding=self.reach)
        score = 40 * (image - 0.5)
        right = torch.where(core > 0.93, score, -10)
        left = torch.where((core > 0.75) & (core <= 0.93), score, -10)
        scores = torch.cat([torch.zeros_like(score), left, right], dim=1)
        return (
            scores
            if _brighter_in_front(image)
            else scores.clamp(max=0) - 5 * torch.tensor([0, 1, 1]).reshape(3, 1, 1, 1)
        )


@register("test-sided")
class SidedHead(OracleHead):
    """Bright balls are hippocampi: left of the window's middle the left one."""

    def forward(self, tokens: Sequence[Tensor], image: Tensor) -> Tensor:
        background, left, right = super().forward(tokens, image).split(1, dim=1)
        either = torch.maximum(left, right)
        further_right = torch.arange(image.shape[2])[:, None, None] >= image.shape[2] / 2
        sides = [torch.where(further_right == side, either, -10) for side in (False, True)]
        return torch.cat([background, *sides], dim=1)


def _brighter_in_front(image: Tensor) -> bool:
    tissue = ((image > 0.06) & (image < 0.7)).float()
    place = torch.arange(image.shape[3], dtype=torch.float32)[:, None]
    weight, place = tissue.sum(), place.expand_as(image[0, 0])
    middle_place, middle = (tissue * place).sum() / weight, (tissue * image).sum() / weight
    return bool((tissue * (place - middle_place) * (image - middle)).sum() > 0)


def head(points: NDArray[np.float64], turned: bool = False) -> NDArray[np.float32]:
    """Intensity at RAS points; turned is back to front."""
    place = points - CENTRE
    balls = [LEFT - CENTRE, RIGHT - CENTRE]
    if turned:
        place = place * (1, -1, 1)
    value = np.where(((place / (36, 44, 34)) ** 2).sum(-1) < 1, 0.15 + 0.05 * place[..., 1] / 44, 0.0)
    for centre, brightness in zip(balls, (0.85, 1.0), strict=True):
        value = np.where(((place - centre) ** 2).sum(-1) < RADIUS**2, brightness, value)
    return (1000 * value).astype(np.float32)


def truth(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Labels at RAS points: 1 left, 2 right."""
    inside = [((points - centre) ** 2).sum(-1) < RADIUS**2 for centre in (LEFT, RIGHT)]
    labels: NDArray[np.uint8] = (inside[0] + 2 * inside[1]).astype(np.uint8)
    return labels


def make_view(
    orientation: tuple[tuple[int, ...], tuple[int, ...]] = ((0, 1, 2), (1, 1, 1)),
    spacing: Sequence[float] = (1.6, 1.6, 1.6),
    rotation: NDArray[np.float64] | None = None,
    fov_mm: float = 104.0,
) -> Grid:
    """Grid over the head whose axes run along the given patient axes and signs, then rotated."""
    order, signs = orientation
    directions = np.zeros((3, 3))
    directions[list(order), range(3)] = signs
    directions = directions if rotation is None else rotation @ directions
    first, second, third = (round(fov_mm / side) for side in spacing)
    affine = np.eye(4)
    affine[:3, :3] = directions * np.asarray(spacing)
    affine[:3, 3] = CENTRE - affine[:3, :3] @ ((np.array([first, second, third]) - 1) / 2)
    return Grid((first, second, third), affine)


def volume_on(grid: Grid, turned: bool = False) -> Volume:
    return Volume(head(everywhere(grid), turned), grid.affine, "head.nii.gz")


def make_oracle_bundle(folder: Path, **changes: Any) -> Bundle:
    """Write the bundle with changes to its description."""
    settings: dict[str, Any] = {
        "name": "oracle",
        "preprocessing": Preprocessing(spacing_mm=(1.5, 1.5, 1.5), percentile=99.8),
        "encoder": ENCODER,
        "windows": WINDOWS,
        "decoder": DECODER,
        "locator": LOCATOR,
        **changes,
    }
    spec = make_spec(**settings)
    torch.manual_seed(0)
    backbone = create_backbone(spec.encoder)
    positions = int(np.prod(spec.windows.counts)) if spec.windows.counts else None
    window = WindowModel(spec.encoder, backbone, spec.windows.size, spec.decoder, 3, positions)
    tensors = {"encoder.safetensors": backbone.state_dict(), "decoder.safetensors": window.arms.state_dict()}
    if spec.locator is not None:
        coarse = WindowModel(spec.encoder, backbone, spec.locator.size, spec.locator.decoder, 3)
        tensors["locator.safetensors"] = coarse.arms.state_dict()
    return write_bundle(folder, spec, tensors)


def dice(first: NDArray[np.uint8], second: NDArray[np.uint8], label: int) -> float:
    a, b = first == label, second == label
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
