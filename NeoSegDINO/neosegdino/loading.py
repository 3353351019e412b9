"""From a bundle on disk to the models it describes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from neosegdino import weights
from neosegdino.backbone import create_backbone
from neosegdino.bundle import Bundle, load_bundle
from neosegdino.errors import BundleError
from neosegdino.model import WindowModel
from neosegdino.spec import DecoderSpec


@dataclass(frozen=True)
class Models:
    """What a bundle describes, on one device, in evaluation mode.

    Attributes
    ----------
    window : WindowModel
        Segments windows at the bundle's spacing.
    locator : WindowModel or None
        Finds the hippocampi on a coarse grid; shares the encoder.
    """

    window: WindowModel
    locator: WindowModel | None


def load_models(bundle: Bundle, device: torch.device) -> Models:
    """Build a bundle's models and load their weights; the last ones used are kept.

    Parameters
    ----------
    bundle : Bundle
        Where the weights are.
    device : torch.device
        Where the models go.

    Raises
    ------
    BundleError, WeightsError
        A part is unknown or weights do not fit.
    """
    return _load(bundle.folder, bundle.sha256, device)


@lru_cache(maxsize=1)
def _load(folder: Path, sha256: str, device: torch.device) -> Models:
    """Load by content: `sha256` is that of ``bundle.json``, so a bundle that was replaced is read again."""
    bundle = load_bundle(folder, verify=False)
    spec = bundle.spec
    backbone = create_backbone(spec.encoder, pretrained_state=weights.encoder_state(bundle)).to(device)
    classes = 1 + len(spec.classes)
    positions = math.prod(spec.windows.counts) if spec.windows.counts else None
    mirrored = spec.sides if spec.windows.mirrored else None
    window = WindowModel(spec.encoder, backbone, spec.windows.size, spec.decoder, classes, positions, mirrored=mirrored)
    _load_arms(window, bundle, spec.decoder)
    locator = None
    if (coarse := spec.locator) is not None:
        locator = WindowModel(
            spec.encoder, backbone, coarse.size, coarse.decoder, classes, upsampling=coarse.upsampling
        )
        _load_arms(locator, bundle, coarse.decoder)
        locator = _ready(locator, device)
    return Models(_ready(window, device), locator)


def _load_arms(model: WindowModel, bundle: Bundle, decoder: DecoderSpec) -> None:
    try:
        model.arms.load_state_dict(bundle.state(decoder.file), strict=True)
    except RuntimeError as error:
        raise BundleError(
            f"The weights {decoder.file} of the bundle {bundle.spec.name} do not fit the decoding arm "
            f"'{decoder.name}' that bundle.json describes: {error}."
        ) from error


def _ready(model: WindowModel, device: torch.device) -> WindowModel:
    return model.to(device).eval().requires_grad_(False)
