"""Small networks that stand in for large ones: a short DINOv3 ViT, and one whose tokens are plain averages."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from neosegdino.backbone import create_backbone
from neosegdino.encoder import SliceEncoder
from neosegdino.spec import EncoderSpec, EncoderWeights, Shape
from torch import Tensor, nn

ARCHITECTURE = "vit_tiny_patch16_dinov3_qkvb"
SMALL: dict[str, Any] = {"embed_dim": 64, "depth": 2, "num_heads": 4}


def encoder_spec(architecture: str = ARCHITECTURE, **changes: Any) -> EncoderSpec:
    values: dict[str, Any] = {
        "architecture": architecture,
        "weights": EncoderWeights("bundle", file="encoder.safetensors"),
        "blocks": (0, 1),
        "upsampling": 2,
        "options": SMALL,
    }
    return EncoderSpec(**(values | changes))


def small_encoder(window: Shape = (16, 24, 32), upsampling: int | None = None, **changes: Any) -> SliceEncoder:
    torch.manual_seed(0)
    spec = encoder_spec(**changes)
    return SliceEncoder(spec, create_backbone(spec), window, upsampling)


class AveragingBackbone(nn.Module):
    """Its tokens are the mean of each patch, one channel per slice of the slab: where a token belongs is plain."""

    class _Patches(nn.Module):
        patch_size = (8, 8)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.patch_embed = self._Patches()
        self.blocks = nn.ModuleList([nn.Identity()])
        self.num_features = channels
        self.seen = 0

    def forward_intermediates(self, pixels: Tensor, indices: list[int], **_: object) -> list[Tensor]:
        self.seen += len(pixels)
        return [F.avg_pool2d(pixels, 8) for _ in indices]
