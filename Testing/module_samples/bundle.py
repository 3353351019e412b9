"""A bundle of which only the description is real: enough for the panel, not for segmenting."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from neosegdino.spec import (
    BundleSpec,
    ComponentRule,
    DecoderSpec,
    EncoderSpec,
    EncoderWeights,
    FileEntry,
    Preprocessing,
    WindowSpec,
)

from module_samples.classes import CLASSES

FILES = {"encoder.safetensors": b"no encoder", "decoder.safetensors": b"no decoder"}


def write_description(root: Path, name: str, title: str) -> Path:
    """Make the folder of a bundle below the folder `root`."""
    folder = root / name
    folder.mkdir(parents=True)
    for file, content in FILES.items():
        (folder / file).write_bytes(content)
    entries = {file: FileEntry(hashlib.sha256(content).hexdigest(), len(content)) for file, content in FILES.items()}
    spec = BundleSpec(
        schema="neosegdino-bundle/1",
        name=name,
        version="1.0",
        title=title,
        description="A description without a model.",
        intended_use="Tests.",
        contrasts=("T2",),
        age_range="none",
        preprocessing=Preprocessing((0.8, 0.8, 0.8)),
        encoder=EncoderSpec("vit_tiny_patch16_dinov3", EncoderWeights("bundle", file="encoder.safetensors"), (1,)),
        windows=WindowSpec((32, 32, 32), default="all"),
        decoder=DecoderSpec("linear", "decoder.safetensors"),
        locator=None,
        classes=CLASSES,
        components=ComponentRule(),
        training_data=(),
        accuracy=(),
        licence="Apache-2.0",
        citation=(),
        files=entries,
    )
    (folder / "bundle.json").write_bytes(msgspec.json.encode(spec))
    return folder
