"""Findings that call for a look: each with a stable code, for tables and scripts, and a sentence, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neosegdino.cases.contrast import hinted_contrast

if TYPE_CHECKING:
    from neosegdino.spec import BundleSpec, ClassSpec
    from neosegdino.volume import Volume

PLAUSIBLE_MM3 = (300.0, 3000.0)
PLAUSIBLE_ASYMMETRY = 0.3
LOW_CONFIDENCE = 0.7
"""Below this mean probability an outline is called uncertain: our choice, from synthetic heads, no published limit."""
SEVERAL = 3
"""As many removed components of a side are worth a look."""
_LIMITS = "wide plausibility limits, not a clinical reference range"

NOT_FOUND = "not-found"
VOLUME_RANGE = "volume-range"
ASYMMETRY_RANGE = "asymmetry-range"
BORDER_IMAGE = "border-image"
BORDER_WINDOW = "border-window"
COMPONENTS = "components-removed"
LOW_CONFIDENCE_CODE = "low-confidence"
LOCATION = "location-unsure"
SIDES = "sides-in-doubt"
ORIENTATION = "orientation-conflict"
AGE_RANGE = "age-range"
CONTRAST_RANGE = "contrast-range"
LOW_RESOLUTION = "low-resolution"
INPUT = "input"
INTENSITIES = "intensities"
DEVICE = "device"
MEMORY = "memory"
CACHE = "cache"
EDITED = "edited"

MEANINGS = {
    NOT_FOUND: "A hippocampus was not found.",
    VOLUME_RANGE: "A volume lies outside 0.3 to 3 ml (wide plausibility limits).",
    ASYMMETRY_RANGE: "The two sides differ by more than 30 % of their mean (a wide plausibility limit).",
    BORDER_IMAGE: "A hippocampus touches the border of the image and may be cut off.",
    BORDER_WINDOW: "A hippocampus touches the border of the model's window and may be cut off.",
    COMPONENTS: "Several separate pieces were removed from the outline of a side.",
    LOW_CONFIDENCE_CODE: "The model is unsure of the outline of a side (mean confidence below 70 %).",
    LOCATION: "The hippocampi could not be located with certainty; the whole volume was segmented.",
    SIDES: "Left and right do not lie on their sides.",
    ORIENTATION: "The head looks back to front against its header.",
    AGE_RANGE: "The age lies outside the range that the model was made for.",
    CONTRAST_RANGE: "The contrast is none that the model was made for.",
    LOW_RESOLUTION: "The voxels are larger than those that the model was made for.",
    INPUT: "The file has something to it: a contradictory header, or a single frame of several dimensions.",
    INTENSITIES: "Voxels that are no numbers, or far too bright, were mended.",
    DEVICE: "Another device computed than might be expected.",
    MEMORY: "Memory was short, and less was done at a time.",
    CACHE: "What was computed could not be kept for later (in training).",
    EDITED: "The outlines were edited after the run.",
}
"""What each code stands for; a code keeps its meaning."""
OF_THE_OUTLINE = frozenset(
    {NOT_FOUND, VOLUME_RANGE, ASYMMETRY_RANGE, BORDER_IMAGE, BORDER_WINDOW, COMPONENTS, LOW_CONFIDENCE_CODE}
)
"""Codes that speak of the model's outline, and hold no longer once it is edited."""


@dataclass(frozen=True)
class Flag:
    """One finding.

    Attributes
    ----------
    code : str
        One of `MEANINGS`.
    message : str
        A sentence or two for people.
    """

    code: str
    message: str


def of_volumes(rows: Sequence[Mapping[str, Any]], asymmetry: float) -> list[Flag]:
    """Flag what is missing, too small, too large or too uneven; `rows` are those of the report."""
    low, high = PLAUSIBLE_MM3
    found = []
    for row in rows:
        if row["volume_mm3"] == 0:
            found.append(Flag(NOT_FOUND, f"The {row['side']} hippocampus was not found."))
        elif not low <= row["volume_mm3"] <= high:
            message = (
                f"The {row['side']} hippocampus has {row['volume_ml']:.2f} ml, outside {low / 1000:g} to "
                f"{high / 1000:g} ml ({_LIMITS})."
            )
            found.append(Flag(VOLUME_RANGE, message))
    if all(row["volume_mm3"] for row in rows) and abs(asymmetry) > PLAUSIBLE_ASYMMETRY:
        message = (
            f"The two sides differ by {abs(asymmetry):.0%} of their mean, more than {PLAUSIBLE_ASYMMETRY:.0%} "
            f"({_LIMITS})."
        )
        found.append(Flag(ASYMMETRY_RANGE, message))
    return found


def of_certainty(rows: Sequence[Mapping[str, Any]]) -> list[Flag]:
    """Flag an outline that the model is unsure of, or from which it took many pieces away."""
    found = []
    for row in rows:
        side, confidence, removed = row["side"], row["confidence"], row["components_removed"]
        if confidence is not None and confidence < LOW_CONFIDENCE:
            message = f"The model is unsure of the {side} hippocampus: its mean confidence is {confidence:.0%}."
            found.append(Flag(LOW_CONFIDENCE_CODE, message))
        if removed >= SEVERAL:
            message = f"{removed} separate pieces were removed from the {side} hippocampus."
            found.append(Flag(COMPONENTS, message))
    return found


def of_places(labels: NDArray[np.uint8], volume: Volume, classes: Sequence[ClassSpec]) -> list[Flag]:
    """Flag sides that are not on their sides, and what touches the border of the image."""
    from neosegdino import measure  # scipy, which the panel does without until there is a result

    problem = measure.check_sides(labels, volume.affine, classes)
    found = [Flag(SIDES, problem)] if problem else []
    for part in classes:
        if touches_border(labels == part.label):
            message = f"The {part.side} hippocampus touches the border of the image and may be cut off."
            found.append(Flag(BORDER_IMAGE, message))
    return found


def of_range(volume: Volume, spec: BundleSpec, age_weeks: float | None) -> list[Flag]:
    """Flag an input that the bundle was not made for: by its age, its voxels, or the contrast that its name tells."""
    found = of_age(spec, age_weeks)
    if spec.max_spacing_mm is not None and max(volume.spacing) > spec.max_spacing_mm:
        message = (
            f"The voxels measure up to {max(volume.spacing):.1f} mm; the model was made for {spec.max_spacing_mm:g} mm "
            "at most."
        )
        found.append(Flag(LOW_RESOLUTION, message))
    return [*found, *of_contrast(spec, volume.source)]


def of_age(spec: BundleSpec, age_weeks: float | None) -> list[Flag]:
    """Flag an age that the bundle was not made for."""
    if age_weeks is None or spec.age_weeks is None or spec.age_weeks[0] <= age_weeks <= spec.age_weeks[1]:
        return []
    low, high = spec.age_weeks
    message = f"The age of {age_weeks:g} weeks lies outside {low:g} to {high:g} weeks, for which the model was made."
    return [Flag(AGE_RANGE, message)]


def of_contrast(spec: BundleSpec, name: str) -> list[Flag]:
    """Flag the name of an image whose contrast the bundle was not made for."""
    hint = hinted_contrast(name)
    known = {contrast.removesuffix("w") for contrast in spec.contrasts}
    if hint == "unknown" or hint.removesuffix("w") in known:
        return []
    message = f"By its name the image is {hint}; the model was made for {', '.join(spec.contrasts)}."
    return [Flag(CONTRAST_RANGE, message)]


def touches_border(mask: NDArray[np.bool_]) -> bool:
    """Tell whether a mask reaches one of the six faces of its array."""
    return any(bool(mask.take(end, axis=axis).any()) for axis in range(3) for end in (0, -1))
