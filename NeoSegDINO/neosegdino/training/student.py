"""The model that is trained: a bundle's frozen encoder, and arms that start from its decoder where that fits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import torch
from torch import Tensor, nn

from neosegdino import weights
from neosegdino.backbone import create_backbone
from neosegdino.bundle import Bundle
from neosegdino.model import WindowModel
from neosegdino.spec import BundleSpec
from neosegdino.training.seeds import seed_of
from neosegdino.training.settings import FinetuneSettings
from neosegdino.training.tuned_spec import tuned_spec


@dataclass(frozen=True, eq=False)
class Student:
    """A model in training.

    Attributes
    ----------
    spec : BundleSpec
        Describes the model.
    model : WindowModel
        Frozen encoder and trainable arms.
    encoder_key : str
        SHA-256 of the encoder's settings and weights: what features depend on beside the image.
    start : str
        Where the decoder's first weights come from, for the card.
    """

    spec: BundleSpec
    model: WindowModel
    encoder_key: str
    start: str


def create_student(bundle: Bundle, settings: FinetuneSettings, device: torch.device) -> Student:
    """Build the model of a run.

    Raises
    ------
    TrainingError, BundleError, WeightsError
        Settings contradict one another, or the bundle's weights cannot be had.
    """
    spec = tuned_spec(bundle.spec, settings)
    backbone = create_backbone(spec.encoder, pretrained_state=weights.encoder_state(bundle))
    positions = math.prod(spec.windows.counts) if spec.windows.counts else None
    torch.manual_seed(seed_of(settings.seed, "decoder"))
    model = WindowModel(spec.encoder, backbone, spec.windows.size, spec.decoder, 1 + len(spec.classes), positions)
    start = "random weights"
    if not settings.from_scratch and _start_from(model.arms, bundle.state(bundle.spec.decoder.file)):
        start = f"the decoder of {bundle.spec.name} {bundle.spec.version}"
    backbone.requires_grad_(False).eval()
    key = _encoder_key(spec, backbone)
    backbone.to(device)
    return Student(spec, model.to(device), key, start)


def _start_from(arms: nn.Module, state: Mapping[str, Tensor]) -> bool:
    """Load the weights of a trained decoder where all of them fit; a shared arm's go into each arm."""
    own = arms.state_dict()
    found = {name: state.get(name, state.get(_first_arm(name))) for name in own}
    if any(tensor is None or tensor.shape != own[name].shape for name, tensor in found.items()):
        return False
    arms.load_state_dict(found)
    return True


def _first_arm(name: str) -> str:
    """Name of the same weight in the first arm (``arms.<number>.<weight>``)."""
    group, _, weight = name.split(".", 2)
    return f"{group}.0.{weight}"


def _encoder_key(spec: BundleSpec, backbone: nn.Module) -> str:
    digest = hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(spec.encoder, weights=None)))
    for name, tensor in sorted(backbone.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy().data if tensor.ndim else str(tensor).encode())
    return digest.hexdigest()
