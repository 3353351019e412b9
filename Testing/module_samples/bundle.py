"""A bundle of which only the description is real: enough for the panel, not for segmenting."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from neosegdino.spec import (
    Accuracy,
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


def write_description(
    root: Path, name: str, title: str, more: Mapping[str, bytes] | None = None, held_out: bool | None = None
) -> Path:
    """Make the folder of a bundle below the folder `root`.

    Parameters
    ----------
    root, name, title : Path, str, str
        Folder of bundles, and what the bundle is called.
    more : mapping, optional
        Further files.
    held_out : bool, optional
        Give it a measured figure: whether its cases were held out.
    """
    folder = root / name
    folder.mkdir(parents=True)
    files = {**FILES, **(more or {})}
    for file, content in files.items():
        (folder / file).write_bytes(content)
    entries = {file: FileEntry(hashlib.sha256(content).hexdigest(), len(content)) for file, content in files.items()}
    figures = () if held_out is None else (Accuracy("own cases", 5, "Dice, left", 0.81, 0.04, held_out, "by hand"),)
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
        accuracy=figures,
        licence="Apache-2.0",
        citation=(),
        files=entries,
    )
    (folder / "bundle.json").write_bytes(msgspec.json.encode(spec))
    return folder
