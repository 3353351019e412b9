"""Small whole bundles with random tensors, for tests that do not segment."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import torch
from neosegdino.bundle import Bundle, write_bundle
from neosegdino.spec import (
    BundleSpec,
    ClassSpec,
    Code,
    ComponentRule,
    DecoderSpec,
    EncoderSpec,
    EncoderWeights,
    LocatorSpec,
    Preprocessing,
    Terminology,
    WindowSpec,
)

NAME = "sample-bundle"


def class_spec(label: int, side: Any) -> ClassSpec:
    terminology = Terminology(
        category=Code("SCT", "123037004", "Anatomical Structure"),
        type=Code("SCT", "5366008", "Hippocampus"),
        modifier=Code("SCT", {"left": "7771000", "right": "24028007"}[side], side.capitalize()),
    )
    return ClassSpec(label, f"{side.capitalize()} Hippocampus", side, (0.9, 0.2 * label, 0.1), terminology)


def make_spec(**changes: Any) -> BundleSpec:
    spec = BundleSpec(
        schema="neosegdino-bundle/1",
        name=NAME,
        version="1.0.0",
        title="Sample",
        description="Random tensors.",
        intended_use="Tests.",
        contrasts=("T1", "T2"),
        age_range="none",
        preprocessing=Preprocessing(spacing_mm=(0.8, 0.8, 0.8)),
        encoder=EncoderSpec("vit_tiny_patch16_dinov3_qkvb", EncoderWeights("bundle", file="encoder.safetensors"), (1,)),
        windows=WindowSpec(size=(32, 32, 32)),
        decoder=DecoderSpec("linear", "decoder.safetensors"),
        locator=LocatorSpec((2.0, 2.0, 2.0), (32, 32, 32), 2, DecoderSpec("linear", "locator.safetensors")),
        classes=(class_spec(1, "left"), class_spec(2, "right")),
        components=ComponentRule(),
        training_data=(),
        accuracy=(),
        licence="Apache-2.0",
        citation=(),
        files={},
    )
    return msgspec.structs.replace(spec, **changes)


def make_bundle(folder: Path, **changes: Any) -> Bundle:
    torch.manual_seed(0)
    names = ("encoder.safetensors", "decoder.safetensors", "locator.safetensors")
    tensors = {name: {"weight": torch.randn(4, 3)} for name in names}
    return write_bundle(folder, make_spec(**changes), tensors, {"CARD.md": "# Sample\n", "LICENSE.txt": "Apache-2.0\n"})


def edit_manifest(folder: Path, *path: str | int, value: Any) -> None:
    """Change one field of a bundle's description in place."""
    manifest = folder / "bundle.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    manifest.write_text(json.dumps(content), encoding="utf-8")


def zip_folder(folder: Path, archive: Path, top: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.iterdir()):
            opened.write(path, f"{top}{path.name}")
    return archive
