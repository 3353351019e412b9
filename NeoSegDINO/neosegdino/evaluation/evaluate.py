"""Compare results with reference labels: those of a bundle, which segments, or those found in a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neosegdino.bundle import Bundle
from neosegdino.cases.case import SIDES, Case
from neosegdino.cases.checks import grid_problem
from neosegdino.cases.loading import LoadedCase, load_case
from neosegdino.cases.names import stem
from neosegdino.errors import CaseError, DependencyError, DeviceError, NeoSegDINOError, VolumeError
from neosegdino.evaluation.measures import compare
from neosegdino.evaluation.results import BundleName, Evaluation, Failure, Origin, Row, mean_dice, side_rows
from neosegdino.evaluation.worst import SHOWN, SIDE_COLORS, Color, Example
from neosegdino.files import printable
from neosegdino.orientation import has_shear
from neosegdino.progress import Progress
from neosegdino.spec import ClassSpec, WindowMode
from neosegdino.volume import load_volume

_SHEARED = "The image's axes are not at right angles: distances are approximate."


@dataclass(frozen=True, eq=False)
class _Found:
    """Labels of one case, 1 left and 2 right, and what is to be said of them."""

    labels: NDArray[np.uint8]
    located: bool | None = None
    warnings: tuple[str, ...] = ()


_Find = Callable[[LoadedCase], _Found]


def evaluate(
    cases: Sequence[Case],
    bundle: Bundle,
    *,
    windows: WindowMode | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Evaluation:
    """Segment the image of each case, the whole road, and compare the result with its reference.

    Parameters
    ----------
    cases : sequence of Case
        Images with reference labels.
    bundle : Bundle
        The model.
    windows : {"located", "all"}, optional
        See `segment`; the bundle's default.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:<number>`` or ``mps``.
    progress : Progress, optional
        Told about the work, one run a case; may cancel it.

    Returns
    -------
    Evaluation
        A case that cannot be read or segmented is among its failures; the others go on.

    Raises
    ------
    CaseError
        There are no cases.
    BundleError, WeightsError, DeviceError, DependencyError
        The model or the device cannot be used.
    Cancelled
        The user cancelled.
    """
    from neosegdino.device import resolve
    from neosegdino.segment import segment

    choice = resolve(device)
    progress = progress or Progress()

    def find(loaded: LoadedCase) -> _Found:
        result = segment(loaded.volume, bundle, windows=windows, device=device, progress=progress)
        place = result.report["windows"]["located"]
        located = None if bundle.spec.locator is None else place is not None
        return _Found(_sides(result.labels, bundle.spec.classes), located, tuple(result.report["warnings"]))

    name = BundleName(bundle.spec.name, bundle.spec.version, bundle.sha256)
    origin = Origin(bundle=name, windows=windows or bundle.spec.windows.default, device=choice.line)
    colors: dict[str, Color] = {part.side: part.color for part in bundle.spec.classes}
    return _evaluate(cases, find, origin, colors, progress)


def evaluate_predictions(cases: Sequence[Case], folder: str | Path, *, progress: Progress | None = None) -> Evaluation:
    """Compare label maps found in a folder with the references.

    A case's label map is ``<image>_hippocampus.nii.gz``, as ``neosegdino segment`` names it after the image, or, where
    there is none or several images have the same name, ``<case>.nii.gz``. Its values are 0, 1 (left) and 2 (right), its
    grid is that of the image.

    Parameters
    ----------
    cases : sequence of Case
        Images with reference labels.
    folder : str or Path
        Where the label maps are.
    progress : Progress, optional
        Told about the work; may cancel it.

    Returns
    -------
    Evaluation
        A case without a label map, or with one that does not fit, is among its failures.

    Raises
    ------
    CaseError
        There are no cases, or no such folder.
    Cancelled
        The user cancelled.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CaseError(f"There is no folder {printable(folder)}.", "Give the folder that holds the results.")
    progress = progress or Progress()
    stems = Counter(stem(case.image).casefold() for case in cases)

    def find(loaded: LoadedCase) -> _Found:
        progress.plan({"compare": 1})
        progress.start("compare")
        case = loaded.case
        names = [f"{case.name}.nii.gz"]
        if stems[stem(case.image).casefold()] == 1:
            names.insert(0, f"{stem(case.image)}_hippocampus.nii.gz")
        return _Found(_read(_first(folder, names, case), loaded), warnings=loaded.volume.notes)

    return _evaluate(cases, find, Origin(predictions=printable(folder)), SIDE_COLORS, progress)


def _evaluate(
    cases: Sequence[Case],
    find: _Find,
    origin: Origin,
    colors: Mapping[str, Color],
    progress: Progress,
) -> Evaluation:
    if not cases:
        raise CaseError("There are no cases to evaluate.", "Give images with reference labels.")
    _require_monai()
    rows: list[Row] = []
    failures: list[Failure] = []
    worst: list[tuple[float, Example]] = []
    for case in cases:
        try:
            loaded = _load(case)
            found = find(loaded)
        except (CaseError, VolumeError, DeviceError) as error:
            failures.append(_failure(case, error))
            progress.log(f"Not evaluated: {failures[-1].text()}", "warning")
        else:
            example = _example(loaded, found, colors)
            new = _rows(loaded, found, example)
            rows += new
            if (dice := mean_dice(new)) is not None:
                worst = sorted([*worst, (dice, example)], key=lambda one: one[0])[:SHOWN]
            progress.log(_line(new))
        progress.finish()
    return Evaluation(tuple(rows), tuple(failures), origin, tuple(example for _, example in worst))


def _load(case: Case) -> LoadedCase:
    """Read a case; a reference without either side is most likely one of other values."""
    loaded = load_case(case)
    if not loaded.labels.any():
        values = ", ".join(str(value) for value in (*case.left, *case.right))
        raise CaseError(
            f"Case {case.name}: {Path(case.labels).name} holds neither side (no voxel of the values {values}).",
            "Name the values of the sides (--left, --right), or leave the case out.",
        )
    return loaded


def _require_monai() -> None:
    """Find out before the work, not after the first case."""
    try:
        import monai.metrics  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            f"The package monai does not load: {error}.", "Install it: pip install 'neosegdino[train]'."
        ) from error


def _example(loaded: LoadedCase, found: _Found, colors: Mapping[str, Color]) -> Example:
    volume = loaded.volume
    measures = {
        side: compare(loaded.labels == value, found.labels == value, volume.spacing, volume.voxel_volume)
        for side, value in SIDES.items()
    }
    return Example(printable(loaded.case.name), volume, loaded.labels, found.labels, measures, colors)


def _rows(loaded: LoadedCase, found: _Found, example: Example) -> list[Row]:
    notes = [*found.warnings, _SHEARED] if has_shear(loaded.volume.affine) else found.warnings
    name, subject = printable(loaded.case.name), printable(loaded.case.subject)
    return side_rows(name, subject, dict(example.measures), found.located, notes)


def _line(rows: Sequence[Row]) -> str:
    dice = ("none" if row.measures.dice is None else f"{row.measures.dice:.3f}" for row in rows)
    return f"{rows[0].case}: Dice " + ", ".join(f"{row.side} {value}" for row, value in zip(rows, dice, strict=True))


def _failure(case: Case, error: NeoSegDINOError) -> Failure:
    name, subject, message, remedy = map(printable, (case.name, case.subject, error.message, error.remedy))
    return Failure(name, subject, type(error).__name__, message, remedy, error.exit_code)


def _sides(labels: NDArray[np.uint8], classes: Sequence[ClassSpec]) -> NDArray[np.uint8]:
    """Labels 1 (left) and 2 (right) from a bundle's own."""
    sides = np.zeros_like(labels)
    for part in classes:
        sides[labels == part.label] = SIDES[part.side]
    return sides


def _first(folder: Path, names: Sequence[str], case: Case) -> Path:
    for name in names:
        if os.path.isfile(folder / name):  # noqa: PTH113 (Path's raises where the name is too long)
            return folder / name
    raise CaseError(
        f"Case {case.name}: {folder} holds no {' and no '.join(names)}.", "Segment the image, or leave the case out."
    )


def _read(path: Path, loaded: LoadedCase) -> NDArray[np.uint8]:
    """Labels of a file on a case's grid."""
    volume = load_volume(path, flat=True)
    name = loaded.case.name
    if problem := grid_problem(loaded.volume, volume):
        raise CaseError(f"Case {name}: {problem} ({path}).", "Give label maps on the grid of the images.")
    data: NDArray[Any] = volume.data
    strange = sorted(set(np.unique(data).tolist()) - {0, 1, 2})
    if strange:
        raise CaseError(
            f"Case {name}: {path} holds the value {strange[0]:g}, which is not 0, 1 (left) or 2 (right).",
            "Give label maps of these values.",
        )
    return data.astype(np.uint8)
