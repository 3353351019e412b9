"""What a run will make, described before it begins: the bundle to start from with the run's settings."""

from __future__ import annotations

import msgspec

from neosegdino.errors import TrainingError
from neosegdino.spec import BundleSpec, DecoderSpec, Preprocessing, WindowSpec
from neosegdino.training.settings import FinetuneSettings

DECODER_FILE = "decoder.safetensors"


def tuned_spec(base: BundleSpec, settings: FinetuneSettings) -> BundleSpec:
    """Describe the model of a run; name, card, accuracy and files are those of the bundle to start from.

    Raises
    ------
    TrainingError
        The settings contradict one another or the bundle.
    """
    _check(base, settings)
    return msgspec.structs.replace(
        base,
        preprocessing=_preprocessing(base, settings),
        windows=_windows(base, settings),
        decoder=_decoder(base, settings),
    )


def _preprocessing(base: BundleSpec, settings: FinetuneSettings) -> Preprocessing:
    return msgspec.structs.replace(base.preprocessing, spacing_mm=settings.spacing_mm or base.preprocessing.spacing_mm)


def _windows(base: BundleSpec, settings: FinetuneSettings) -> WindowSpec:
    return WindowSpec(
        size=settings.window or base.windows.size,
        default=settings.windows,
        counts=settings.counts,
        mirrored=base.windows.mirrored and settings.arms == "shared",
    )


def _decoder(base: BundleSpec, settings: FinetuneSettings) -> DecoderSpec:
    own = bool(settings.decoder)
    return DecoderSpec(
        name=settings.decoder if own else base.decoder.name,
        file=DECODER_FILE,
        depth_embedding=base.decoder.depth_embedding,
        arms=settings.arms,
        options=settings.decoder_options if own else base.decoder.options,
    )


def _check(base: BundleSpec, settings: FinetuneSettings) -> None:
    if settings.counts and settings.windows != "all":
        raise TrainingError(
            "A number of windows per axis is given, but one located window is asked for.",
            "Choose several windows (--windows all), or give no counts.",
        )
    if settings.arms == "per-window" and not settings.counts:
        raise TrainingError("Arms per window need a fixed number of windows.", "Give --counts, such as 2,2,2.")
    if settings.decoder_options and not settings.decoder:
        raise TrainingError("Options are given for a decoding arm that is not named.", "Name it (--decoder).")
    sides = {part.side: part.label for part in base.classes}
    if sides != {"left": 1, "right": 2}:
        raise TrainingError(
            f"The bundle {base.name} does not have the classes left (1) and right (2).", "Start from another bundle."
        )
