"""Settings of a fine-tuning run, their defaults and limits; the panel, the command line and Python share them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from neosegdino.bundle_check import MANIFEST
from neosegdino.spec import Positive, PositiveFloat, Shape, Spacing, Spec, WindowMode

Count = Annotated[int, msgspec.Meta(ge=0)]


class FinetuneSettings(Spec, frozen=True):
    """Settings of one run."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")] = "fine-tuned"
    """Name of the bundle that comes out."""
    bundle: str | None = None
    """Bundle to start from, by name or folder; the shipped one by default."""
    windows: WindowMode = "located"
    """One window over both hippocampi, or several windows (all of a volume, or `counts` around the hippocampi)."""
    counts: Shape | None = None
    """Windows per axis of a fixed cut around the hippocampi, with ``windows="all"``; needed by arms per window."""
    window: Shape | None = None
    """Voxels of a window; the bundle's by default. The bundle's decoder is the start wherever its weights fit."""
    spacing_mm: Spacing | None = None
    """Model's grid; the bundle's by default."""
    arms: Literal["shared", "per-window"] = "shared"
    decoder: str = ""
    """Head of the registry; empty: the bundle's, with its weights."""
    decoder_options: dict[str, Any] = {}
    """Options of the head named by `decoder`."""
    from_scratch: bool = False
    """Start the decoder from random weights."""
    epochs: Positive = 40
    """Passes over all training cases at most."""
    rate: PositiveFloat = 5e-4
    """Highest learning rate."""
    warmup: Count = 20
    """Steps of warm-up."""
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    batch: Positive = 1
    """Cases of one step."""
    views: Count = 8
    """Fixed augmented views of each case, whose features are cached; 0 draws new ones in every step, uncached."""
    mirror: bool = True
    """Whether views may be mirrored, left and right exchanged."""
    validation: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.2
    """Share of the subjects kept for validation and early stopping."""
    patience: Positive = 10
    """Epochs without a better validation after which training stops."""
    seed: int = 1
    device: str = "auto"
    cache_gb: PositiveFloat = 20.0
    """Bound of the feature cache."""


def absolute_bundle(bundle: str | None) -> str | None:
    """Name a bundle so that it is found from any folder: a folder by its whole path, one of the store as it was."""
    if bundle is None or not (Path(bundle) / MANIFEST).exists():
        return bundle
    return os.path.abspath(bundle)  # noqa: PTH100 (resolve follows links)
