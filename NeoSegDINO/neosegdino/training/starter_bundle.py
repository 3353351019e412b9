"""Put the trained parts of the starter together into a bundle, with card, licence and notice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from neosegdino.bundle import Bundle, write_bundle
from neosegdino.errors import BundleError
from neosegdino.small_png import small_png
from neosegdino.spec import (
    SCHEMA,
    Accuracy,
    BundleSpec,
    ClassSpec,
    Code,
    ComponentRule,
    DataSource,
    Preprocessing,
    Terminology,
)
from neosegdino.training import starter
from neosegdino.training.recipe import Recipe
from neosegdino.training.starter_card import (
    CARD,
    NOTICE,
    PICTURES,
    TEXTS,
    figures_table,
    picture_sections,
    text_sections,
)

NAME = "neonatal-starter"
VERSION = "0.8.0"
LARGEST = 25_000_000
"""Bytes of all files together; it ships with the extension."""
LARGEST_PICTURE = 200_000
"""Bytes of a picture of the card."""

LABEL_MAPS_CITATION = (
    "Billot et al., SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without retraining, "
    "Medical Image Analysis 86:102789 (2023)"
)


def assemble(
    folder: Path,
    target: Path,
    licence_text: str,
    accuracy: list[Accuracy],
    replace: bool,
    recipe: Recipe | None = None,
) -> Bundle:
    """Write the bundle from the trained weights of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``encoder.safetensors``, ``decoder.safetensors`` and ``locator.safetensors``, and maybe
        pictures, texts and tables that the card can show.
    target : Path
        The bundle's folder.
    licence_text : str
        Text of the Apache licence 2.0.
    accuracy : list of Accuracy
        Measured figures.
    replace : bool
        Whether a bundle standing there is replaced.
    recipe : Recipe, optional
        In place of the shipped one: the heads that were trained on.

    Raises
    ------
    BundleError
        Weights are missing, all files together are larger than a shipped bundle may be, the folder exists, or a
        picture cannot be read.
    """
    names = ("encoder.safetensors", "decoder.safetensors", "locator.safetensors")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise BundleError(f"{folder} holds no {', no '.join(missing)}.", "Train these stages first.")
    tensors = {name: {key: t.half() for key, t in starter.load_weights(folder / name).items()} for name in names}
    shown = {name: _picture(folder / name) for name in PICTURES if (folder / name).exists()}
    size = sum((folder / name).stat().st_size for name in names) + sum(map(len, shown.values()))
    if size > LARGEST:
        raise BundleError(
            f"The bundle would have {size / 1e6:.1f} MB, {LARGEST / 1e6:.0f} MB are allowed.",
            "Use a smaller decoder.",
        )
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in TEXTS if (folder / name).exists()}
    sections = {"texts": text_sections(texts), "pictures": picture_sections(shown)}
    heads = (recipe or starter.RECIPE).training_heads
    card = CARD.format(heads=len(heads), figures=figures_table(accuracy), **sections)
    extra: dict[str, str | bytes] = {"CARD.md": card, "NOTICE.md": NOTICE, "LICENSE.txt": licence_text, **shown}
    spec = _spec(accuracy, starter.load_temperature(folder), heads)
    return write_bundle(target, spec, tensors, extra, replace=replace)


def _picture(path: Path) -> bytes:
    """A picture of the card as a small file: noise makes large ones."""
    try:
        with Image.open(path) as picture:
            return small_png(picture, LARGEST_PICTURE)
    except OSError as error:
        raise BundleError(
            f"The picture {path} cannot be read: {error}.", "Remove it, or have it made again by `measure` or `curve`."
        ) from error


def _spec(accuracy: list[Accuracy], temperature: float, heads: Sequence[int]) -> BundleSpec:
    return BundleSpec(
        schema=SCHEMA,
        name=NAME,
        version=VERSION,
        title="Neonatal starter",
        description=(
            "Small encoder of the DINOv3 architecture and decoding arms, trained from scratch on synthetic newborn "
            "MRI. Not Meta's weights; no patient image was used."
        ),
        intended_use="Research use only; not a medical device.",
        contrasts=("T1w", "T2w"),
        age_range="30 weeks of gestation to 3 months after term, by the sizes of the synthetic brains",
        preprocessing=Preprocessing(spacing_mm=(starter.SPACING_MM,) * 3),
        encoder=starter.ENCODER,
        windows=starter.WINDOWS,
        decoder=starter.DECODER,
        locator=starter.LOCATOR,
        classes=(
            _class(starter.LEFT, "left", (0.95, 0.45, 0.20), "7771000"),
            _class(starter.RIGHT, "right", (0.15, 0.65, 0.95), "24028007"),
        ),
        components=ComponentRule(min_fraction=0.5),
        training_data=(_label_maps(heads),),
        accuracy=tuple(accuracy),
        licence="Apache-2.0",
        citation=(
            "The method: arXiv 2602.23962.",
            "The encoder's architecture: Simeoni et al., DINOv3, arXiv 2508.10104.",
            LABEL_MAPS_CITATION,
        ),
        files={},
        temperature=temperature,
        age_weeks=(30.0, 53.0),
        max_spacing_mm=3.0,
    )


def _label_maps(heads: Sequence[int]) -> DataSource:
    numbers = ", ".join(str(head + 1) for head in heads)
    return DataSource(
        name="SynthSeg training label maps",
        description=f"Label maps of adult heads (no image), as the anatomy of synthetic MRI: its maps {numbers} of 20.",
        licence="Apache-2.0",
        citation=LABEL_MAPS_CITATION,
    )


def _class(label: int, side: str, color: tuple[float, float, float], laterality: str) -> ClassSpec:
    return ClassSpec(
        label=label,
        name=f"{side.capitalize()} hippocampus",
        side="left" if side == "left" else "right",
        color=color,
        terminology=Terminology(
            category=Code("SCT", "123037004", "Anatomical Structure"),
            type=Code("SCT", "5366008", "Hippocampus"),
            modifier=Code("SCT", laterality, side.capitalize()),
        ),
    )
