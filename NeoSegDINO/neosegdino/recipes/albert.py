"""The ALBERT recipe: cross-validation of both settings of the paper (arXiv 2602.23962), restartable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from neosegdino.cases.case import Case
from neosegdino.cases.preflight import preflight, require_usable
from neosegdino.errors import TrainingError
from neosegdino.files import atomic_path
from neosegdino.folders import cannot_write
from neosegdino.progress import Event, Progress, ProgressEvent, Sink
from neosegdino.recipes.albert_files import albert_cases, check_not_swapped, require_files
from neosegdino.recipes.albert_options import AlbertOptions
from neosegdino.recipes.folds import held_out_folds
from neosegdino.spec import Shape, Spec
from neosegdino.training.run_folder import RunFolder
from neosegdino.training.settings import FinetuneSettings, absolute_bundle
from neosegdino.training.split import split_by_subject

if TYPE_CHECKING:
    from neosegdino.evaluation.results import Document
    from neosegdino.recipes.comparison import Comparison, ComparisonRow

Setting = Literal["single", "several"]
SETTINGS: tuple[Setting, ...] = ("single", "several")
TITLES = {"single": "single 3D window", "several": "several windows (2 x 2 x 2)"}
PAPER_DICE = {"single": "0.65", "several": "lower (figure not known)"}
COUNTS = (2, 2, 2)
_MULTIPLE = 8
"""Half windows are rounded up to this many voxels, which whole tokens fill."""
_TRAINING_SHARE = 0.95
"""Of a fold's time; the rest is its evaluation."""


class _Plan(Spec, frozen=True):
    """What a folder's results are of."""

    options: AlbertOptions
    cases: tuple[Case, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Fold:
    """One training with its evaluation."""

    setting: Setting
    number: int
    training: list[Case]
    validation: list[Case]
    held_out: list[Case]


def run_albert(
    folder: str | Path,
    out: str | Path,
    options: AlbertOptions | None = None,
    *,
    leave_out_bad: bool = False,
    sink: Sink | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Train and evaluate every fold of both settings; what is finished in `out` is not done again.

    Of the newborns that are not held out, some are kept for early stopping; a held-out newborn is never seen in
    training. Both settings start from random decoder weights.

    Parameters
    ----------
    folder : str or Path
        The ALBERT data set, see `albert_cases`.
    out : str or Path
        Takes a folder for each setting and fold, and in the end ``table.csv``, ``table.json`` and ``table.md``.
    options : AlbertOptions, optional
        What to do.
    leave_out_bad : bool, optional
        Whether newborns whose files are missing or bad are left out.
    sink : callable, optional
        Told about the work.
    cancelled : callable, optional
        Asked at every step.

    Raises
    ------
    CaseError
        Files are missing or bad, or the sides are swapped throughout.
    TrainingError
        The folder `out` holds the results of other options or cases.
    NeoSegDINOError
        As `finetune` and `evaluate`.
    """
    from neosegdino.recipes.comparison import comparison

    out, options = Path(out), options or AlbertOptions()
    cases, left_out = usable_cases(folder, options, leave_out_bad=leave_out_bad)
    options = msgspec.structs.replace(options, bundle=absolute_bundle(options.bundle))
    _claim(out, _Plan(options, tuple(case.absolute() for case in cases), tuple(left_out)))
    folds = _folds(cases, options)
    for number, fold in enumerate(folds):
        _run_fold(fold, out, options, _Part(sink, cancelled, number, len(folds)))
    rows = [_row(setting, [fold for fold in folds if fold.setting == setting], out) for setting in SETTINGS]
    table = comparison(rows, options.contrast, options.folds, left_out)
    table.write(out)
    return table


def usable_cases(
    folder: str | Path, options: AlbertOptions, *, leave_out_bad: bool = False
) -> tuple[list[Case], list[str]]:
    """Return the cases that can be used, and the names of those that are left out.

    Raises
    ------
    CaseError
        See `run_albert`.
    """
    wanted = albert_cases(folder, options.contrast, exchange_sides=options.exchange_sides)
    there = require_files(folder, wanted, leave_out=leave_out_bad)
    reports = preflight(there)
    check_not_swapped(reports, exchange_sides=options.exchange_sides)
    bad = require_usable(reports, leave_out_bad)
    kept = [case for case in there if case.name not in bad]
    names = {case.name for case in kept}
    return kept, [case.name for case in wanted if case.name not in names]


def fold_settings(setting: Setting, number: int, options: AlbertOptions, window: Shape) -> FinetuneSettings:
    """Settings of one training.

    Parameters
    ----------
    setting : {"single", "several"}
        One located window, or the same field in 2 x 2 x 2 smaller ones.
    number : int
        Of the fold, from 1.
    options : AlbertOptions
        The recipe's.
    window : tuple of int
        Voxels of the bundle's window.
    """
    common = FinetuneSettings(
        name=f"albert-{setting}-fold-{number}",
        bundle=options.bundle,
        from_scratch=True,
        epochs=options.epochs,
        views=options.views,
        seed=options.seed,
        device=options.device,
    )
    if setting == "single":
        return common
    x, y, z = (-(-side // (2 * _MULTIPLE)) * _MULTIPLE for side in window)
    return msgspec.structs.replace(common, windows="all", counts=COUNTS, window=(x, y, z))


def _folds(cases: Sequence[Case], options: AlbertOptions) -> list[_Fold]:
    """All folds of both settings; the same newborns are held out in both."""
    folds = []
    for setting in SETTINGS:
        for number, held_out in enumerate(held_out_folds(cases, options.folds, options.seed), start=1):
            subjects = {case.subject for case in held_out}
            others = [case for case in cases if case.subject not in subjects]
            split = split_by_subject(others, FinetuneSettings().validation, options.seed)
            folds.append(_Fold(setting, number, *split, held_out))
    return folds


def _claim(out: Path, plan: _Plan) -> None:
    """Write down what the folder's results are of, or compare it with what stands there."""
    path = out / "recipe.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        before = msgspec.json.decode(path.read_bytes(), type=_Plan) if path.is_file() else None
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError):
            raise cannot_write(out, error) from error
        raise TrainingError(f"{path} cannot be read: {error}.", "Choose another folder for --out.") from error
    if before is None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")
    elif before != plan:
        raise TrainingError(
            f"{out} holds the results of other options or other cases.", "Give the same ones, or another --out."
        )


@dataclass(frozen=True)
class _Part:
    """A fold's share of the whole progress."""

    sink: Sink | None
    cancelled: Callable[[], bool]
    number: int
    count: int

    def progress(self, label: str, begin: float, end: float, runs: int = 1) -> Progress:
        """Progress of a part of the fold, from one fraction of it to another."""

        def pass_on(event: Event) -> None:
            if isinstance(event, ProgressEvent):
                fraction = (self.number + begin + (end - begin) * event.fraction) / self.count
                event = ProgressEvent(round(fraction, 4), f"{label}: {event.stage}", None)
            if self.sink is not None:
                self.sink(event)

        return Progress(pass_on, self.cancelled, runs=runs)


def _run_fold(fold: _Fold, out: Path, options: AlbertOptions, part: _Part) -> None:
    from neosegdino.bundle_store import find_bundle
    from neosegdino.evaluation.evaluate import evaluate
    from neosegdino.training.feature_cache import FeatureCache
    from neosegdino.training.finetune import finetune

    place = _place(fold, out)
    if (place / "evaluation" / "evaluation.json").is_file():
        return
    window = find_bundle(options.bundle).spec.windows.size
    settings = fold_settings(fold.setting, fold.number, options, window)
    label = f"{TITLES[fold.setting]}, fold {fold.number} of {options.folds}"
    training = part.progress(label, 0.0, _TRAINING_SHARE)
    run = RunFolder(place / "run")
    bundle = finetune(fold.training, fold.validation, settings, run.folder, progress=training)
    measuring = part.progress(label, _TRAINING_SHARE, 1.0, len(fold.held_out))
    evaluate(fold.held_out, bundle, device=options.device, progress=measuring).write(place / "evaluation")
    FeatureCache(run.features, 0).clear()  # those of all folds together would fill the disk


def _place(fold: _Fold, out: Path) -> Path:
    return out / fold.setting / f"fold-{fold.number}"


def _row(setting: Setting, folds: Sequence[_Fold], out: Path) -> ComparisonRow:
    """Pool the held-out folds of a setting."""
    from neosegdino.evaluation.bootstrap import summarise
    from neosegdino.recipes.comparison import ComparisonRow

    documents = [_document(_place(fold, out) / "evaluation" / "evaluation.json") for fold in folds]
    known = [row for document in documents for row in document.rows if row.measures.dice is not None]
    spread = summarise([row.measures.dice or 0.0 for row in known], [row.subject for row in known])
    failed = sum(len(document.failures) for document in documents)
    return ComparisonRow(TITLES[setting], PAPER_DICE[setting], spread, failed)


def _document(path: Path) -> Document:
    from neosegdino.evaluation.results import Document

    try:
        return msgspec.json.decode(path.read_bytes(), type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise TrainingError(
            f"{path} cannot be read: {error}.", "Remove that fold's evaluation and start again."
        ) from error
