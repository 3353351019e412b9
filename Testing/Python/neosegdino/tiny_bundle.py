"""A whole bundle with small networks of random weights: it segments, though nothing true."""

from __future__ import annotations

from pathlib import Path

import torch
from bundle_samples import make_spec
from neosegdino.backbone import create_backbone
from neosegdino.bundle import write_bundle
from neosegdino.model import WindowModel
from neosegdino.spec import DecoderSpec, EncoderSpec, EncoderWeights, LocatorSpec, Preprocessing, WindowSpec

ENCODER = EncoderSpec(
    "vit_tiny_patch16_dinov3_qkvb",
    EncoderWeights("bundle", file="encoder.safetensors"),
    blocks=(0, 1),
    upsampling=2,
    options={"embed_dim": 32, "depth": 2, "num_heads": 2},
)
WINDOWS = WindowSpec((16, 16, 16))
DECODER = DecoderSpec("linear", "decoder.safetensors")
LOCATOR = LocatorSpec((4.0, 4.0, 4.0), (16, 16, 16), 2, DecoderSpec("linear", "locator.safetensors"))


def make_tiny_bundle(folder: Path) -> Path:
    """Write the bundle; return its folder."""
    torch.manual_seed(0)
    backbone = create_backbone(ENCODER)
    window = WindowModel(ENCODER, backbone, WINDOWS.size, DECODER, classes=3)
    head = WindowModel(ENCODER, backbone, LOCATOR.size, LOCATOR.decoder, classes=3, upsampling=LOCATOR.upsampling)
    tensors = {
        "encoder.safetensors": backbone.state_dict(),
        "decoder.safetensors": window.arms.state_dict(),
        "locator.safetensors": head.arms.state_dict(),
    }
    spec = make_spec(
        name="tiny",
        preprocessing=Preprocessing(spacing_mm=(2.0, 2.0, 2.0)),
        encoder=ENCODER,
        windows=WINDOWS,
        decoder=DECODER,
        locator=LOCATOR,
    )
    return write_bundle(folder, spec, tensors).folder
