"""From a volume to both hippocampi: the whole road, one step a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neosegdino import flags, geometry, intensity, report, suitability
from neosegdino.age import check_age
from neosegdino.bundle import Bundle
from neosegdino.components import keep_components
from neosegdino.device import cpu_instead, memory_errors, release_memory, resolve
from neosegdino.errors import DeviceMemoryError, VolumeError
from neosegdino.flags import Flag
from neosegdino.geometry import Grid
from neosegdino.inference import Run, count_chunks, probabilities, rescale, segment_windows
from neosegdino.loading import Models, load_models
from neosegdino.locate import ANTERIOR, Located, head_grid, judge
from neosegdino.model import WindowModel
from neosegdino.progress import Progress
from neosegdino.spec import WindowMode
from neosegdino.volume import Volume
from neosegdino.windows import WindowGrid, cut_around, full_cut

STAGES = {"load": 2.0, "prepare": 1.0, "locate": 3.0, "segment": 6.0, "restore": 1.0}
"""Stages and their expected shares of the time."""
BACK_TO_FRONT = (
    "Orientation conflict: the head looks back to front against the file's header. It was segmented as it looks; left "
    "and right follow the header and may be swapped. Check the header against the original images."
)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The answer, on the grid of the source.

    Attributes
    ----------
    volume : Volume
        The input.
    labels : (x, y, z) uint8 array
        0 background, else the bundle's classes.
    confidence : (x, y, z) float32 array
        Probability of the winning class.
    report : dict
        JSON-ready, see `neosegdino.report`.
    """

    volume: Volume
    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    report: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Cleaned image, its levels and the bounds of what is not background."""

    volume: Volume
    data: NDArray[np.float32]
    levels: intensity.Levels
    bounds_mm: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Answer:
    """Class probabilities ``(classes, X, Y, Z)`` on a grid of the model."""

    probabilities: NDArray[np.float32]
    grid: Grid


def segment(
    volume: Volume,
    bundle: Bundle,
    *,
    windows: WindowMode | None = None,
    device: str = "auto",
    age_weeks: float | None = None,
    progress: Progress | None = None,
) -> Segmentation:
    """Segment both hippocampi of a volume.

    Parameters
    ----------
    volume : Volume
        Any orientation, spacing and type.
    bundle : Bundle
        The model.
    windows : {"located", "all"}, optional
        One window over the located hippocampi, or the whole volume in windows; the bundle's default.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:<number>`` or ``mps``. With ``auto`` the CPU takes over, and the report says
        so, where a GPU's memory is too small.
    age_weeks : float, optional
        Postmenstrual age, for the report.
    progress : Progress, optional
        Told about the work; may cancel between chunks.

    Raises
    ------
    VolumeError, BundleError, WeightsError, DeviceError, DependencyError
        See `neosegdino.errors`.
    Cancelled
        The user cancelled.
    """
    check_age(age_weeks)
    progress = progress or Progress()
    windows = windows or bundle.spec.windows.default
    notes = _look_at(volume, bundle, windows, progress)
    choice = resolve(device)
    progress.plan(STAGES)
    try:
        return _segment_on(Run(bundle.spec, choice, progress, [*notes]), volume, bundle, windows, age_weeks)
    except DeviceMemoryError as error:
        if device != "auto" or choice.device == torch.device("cpu"):
            raise
        reason = f"{error.message} The CPU computes instead, which takes longer."
    release_memory(choice.device)  # after the handler: the error's traceback holds what did not fit
    progress.log(reason, "warning")
    progress.start_over(STAGES)
    return _segment_on(
        Run(bundle.spec, cpu_instead(choice, reason), progress, [*notes]), volume, bundle, windows, age_weeks
    )


def _look_at(volume: Volume, bundle: Bundle, windows: WindowMode, progress: Progress) -> list[Flag]:
    """What is to be said about a volume before any work; told to the user as well."""
    located = windows == "located" and bundle.spec.locator is not None
    found = suitability.require_suitable(volume.data, volume.affine, volume.source, located=located)
    for finding in found:
        progress.log(str(finding), "warning")
    judged = {flags.LOW_RESOLUTION} if bundle.spec.max_spacing_mm is not None else set()  # the report does so itself
    return [Flag(finding.code, str(finding)) for finding in found if finding.code not in judged]


def _segment_on(run: Run, volume: Volume, bundle: Bundle, windows: WindowMode, age_weeks: float | None) -> Segmentation:
    """Segment on the run's device."""
    with memory_errors(run.choice, "this model and image"):
        return _all_steps(run, volume, bundle, windows, age_weeks)


def _all_steps(run: Run, volume: Volume, bundle: Bundle, windows: WindowMode, age_weeks: float | None) -> Segmentation:
    """One step after the other."""
    with run.stage("load"):
        models = load_models(bundle, run.choice.device)
    with run.stage("prepare"):
        prepared = _prepare(volume, run)
    with torch.inference_mode():
        found = _locate(prepared, models, run)
        mode, located, answer = _segment(prepared, found, windows, models, run)
    if located and located.back_to_front:
        run.note(flags.ORIENTATION, BACK_TO_FRONT)
    if mode == "located":
        _check_window_border(answer, run)
    with run.stage("restore"):
        labels, confidence = _restore(volume, answer)
        kept, removed = keep_components(labels, run.spec.components)
    made = report.build(
        volume,
        kept,
        bundle,
        windows_used=mode,
        device=run.choice,
        timings=run.timings,
        notes=run.notes,
        mean_confidence=_mean_confidence(kept, confidence),
        removed=removed,
        located=located.as_dict() if located else None,
        age_weeks=age_weeks,
    )
    return Segmentation(volume, kept, confidence, made)


def _prepare(volume: Volume, run: Run) -> _Prepared:
    cleaned = intensity.clean(volume)
    for note in cleaned.notes:
        run.note(flags.INTENSITIES, note)
    levels = intensity.levels(cleaned.data, run.spec.preprocessing.percentile, volume.source)
    box = geometry.foreground_box(cleaned.data, levels.threshold)
    return _Prepared(volume, cleaned.data, levels, geometry.bounds(volume.shape, volume.affine, box))


def _sample(prepared: _Prepared, grid: Grid, run: Run) -> Tensor:
    """Scaled image ``(1, x, y, z)`` on a grid of the model."""
    image = geometry.resample(prepared.data, prepared.volume.affine, grid, fill=prepared.levels.base)
    scaled = intensity.scale(image, run.spec.preprocessing, prepared.levels)
    return torch.from_numpy(np.ascontiguousarray(scaled))[None].to(run.choice.device)


def _locate(prepared: _Prepared, models: Models, run: Run) -> list[Located]:
    """Coarse findings, the one to believe first: as the header says, and only where that is in doubt back to front."""
    if run.spec.locator is None or models.locator is None:
        return []
    found = [_look(prepared, models.locator, run, back_to_front=False)]
    if found[0].doubt:
        found.append(_look(prepared, models.locator, run, back_to_front=True))
    return sorted(found, key=lambda located: bool(located.doubt))


def _look(prepared: _Prepared, locator: WindowModel, run: Run, *, back_to_front: bool) -> Located:
    spec = run.spec.locator
    assert spec is not None
    grid = head_grid(prepared.bounds_mm, spec, back_to_front)
    window = rescale(_sample(prepared, grid, run)[None], run)
    with run.stage("locate", locator.chunks(window, run.chunk)):
        coarse = probabilities(locator, 0, window, run, 1.0)
        return judge(coarse.cpu().numpy(), grid, run.spec.sides, spec, back_to_front)


def _segment(
    prepared: _Prepared, found: list[Located], wanted: WindowMode, models: Models, run: Run
) -> tuple[WindowMode, Located | None, _Answer]:
    """Segment the windows at the place to believe, or the whole volume."""
    located = found[0] if found and not found[0].doubt else None
    mode, grid, cut = _place(prepared, located, wanted, found, run)
    image = _sample(prepared, grid, run)
    with run.stage("segment", count_chunks(models.window, image, cut, run)):
        answer = _Answer(segment_windows(models.window, image, grid, cut, run), grid)
    return mode, located, answer


def _place(
    prepared: _Prepared, located: Located | None, wanted: WindowMode, found: list[Located], run: Run
) -> tuple[WindowMode, Grid, WindowGrid]:
    """Windows that are used, the model's grid and its cut; a whole cut where the hippocampi were not located."""
    spec = run.spec
    window, spacing, counts = spec.windows.size, spec.preprocessing.spacing_mm, spec.windows.counts
    fixed = spec.decoder.arms == "per-window"
    if located and (fixed or counts or wanted == "located"):
        counts = counts if counts and (fixed or wanted == "all") else (1, 1, 1)
        middle = [(c * w - 1) / 2 for c, w in zip(counts, window, strict=True)]
        cut = cut_around(middle, window, counts)
        return wanted, _turned(geometry.centred_grid(located.centre, cut.extent, spacing), located), cut
    if located is None and (fixed or wanted == "located"):
        reason = found[0].doubt if found else "this bundle has no locator"
        message = f"The hippocampi could not be located with certainty ({reason})"
        if fixed:
            raise VolumeError(f"{message}.", "Crop the image to the head, or use a bundle with a shared arm.")
        run.note(flags.LOCATION, f"{message}; the whole volume was segmented.")
    grid = _turned(geometry.ras_grid(prepared.bounds_mm, spacing), located)
    return "all", grid, full_cut(grid.shape, window)


def _turned(grid: Grid, located: Located | None) -> Grid:
    return geometry.reversed_grid(grid, ANTERIOR) if located and located.back_to_front else grid


def _restore(volume: Volume, answer: _Answer) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Labels and confidence on the source's grid: probabilities are interpolated, then the highest wins."""
    labels = np.zeros(volume.shape, np.uint8)
    confidence = np.ones(volume.shape, np.float32)
    box = geometry.box_on(answer.grid, volume.shape, volume.affine)
    if any(part.stop <= part.start for part in box):
        return labels, confidence
    part = Grid(volume.shape, volume.affine).crop(box)
    background = [1.0] + [0.0] * (len(answer.probabilities) - 1)
    there = geometry.resample(answer.probabilities, answer.grid.affine, part, fill=background)
    labels[box] = there.argmax(axis=0)
    confidence[box] = there.max(axis=0)
    return labels, confidence


def _check_window_border(answer: _Answer, run: Run) -> None:
    winners = answer.probabilities.argmax(axis=0)
    for part in run.spec.classes:
        if flags.touches_border(winners == part.label):
            message = f"The {part.side} hippocampus touches the border of the window and may be cut off."
            run.note(flags.BORDER_WINDOW, message)


def _mean_confidence(labels: NDArray[np.uint8], confidence: NDArray[np.float32]) -> dict[int, float]:
    present = labels > 0
    values, winners = confidence[present], labels[present]
    return {int(label): float(values[winners == label].mean()) for label in np.unique(winners)}
