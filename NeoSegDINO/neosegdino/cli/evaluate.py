"""``neosegdino evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from neosegdino.cli import show, watch
from neosegdino.cli.case_options import CaseSource, case_source
from neosegdino.errors import DependencyError, NeoSegDINOError, OutputError
from neosegdino.files import printable, resolved
from neosegdino.progress import Progress, ResultEvent, Sink, error_event

if TYPE_CHECKING:
    from neosegdino.cases.case import Case
    from neosegdino.evaluation.results import Evaluation
    from neosegdino.spec import WindowMode

_Work = Callable[[list["Case"], Progress], "Evaluation"]


@click.command()
@case_source()
@click.option("--bundle", metavar="NAME|DIR", help="Segment the images with this model bundle.")
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Or take results from this folder: <image>_hippocampus.nii.gz or <case>.nii.gz, 1 left, 2 right.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for the evaluation.")
@click.option(
    "--windows",
    type=click.Choice(["located", "all"]),
    help="One window over the located hippocampi, or the whole volume in windows; by default as the bundle says.",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:<number>, mps."
)
@click.option("--overwrite", is_flag=True, help="Replace an evaluation that exists.")
@click.option("--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True)
@click.pass_context
def evaluate(
    ctx: click.Context,
    *,
    source: CaseSource,
    bundle: str | None,
    predictions: Path | None,
    out: Path,
    windows: WindowMode | None,
    device: str,
    overwrite: bool,
    progress: show.ProgressKind,
) -> None:
    """Compare results with reference labels; research use.

    For the left and the right side of each case: Dice, HD95, average surface distance, surface Dice at 0.5 and 1 mm,
    and volume error, with 95 % confidence intervals over subjects. The folder DIR takes cases.csv, summary.csv,
    evaluation.json and worst.png, a picture of the worst cases. A case that fails does not stop the others; the exit
    code is then that of the last one.
    """
    if (bundle is None) == (predictions is None):
        raise click.UsageError("Give either --bundle or --predictions.")
    if windows is not None and predictions is not None:
        raise click.UsageError("--windows goes with --bundle.")

    def work(cases: list[Case], reports: Progress) -> Evaluation:
        from neosegdino.bundle_store import find_bundle
        from neosegdino.evaluation import evaluate as evaluation

        if predictions is not None:
            return evaluation.evaluate_predictions(cases, predictions, progress=reports)
        return evaluation.evaluate(cases, find_bundle(bundle), windows=windows, device=device, progress=reports)

    with show.sink(progress) as sink, watch.cancel_on_signals() as cancelled:
        try:
            if progress == "json":
                watch.end_with_parent(cancelled)
            _check_place(out, overwrite)
            cases = source.find()
            _check_inputs(out, _inputs(source, predictions, cases))
            found = _evaluated(work, cases, Progress(sink, cancelled.is_set, runs=max(1, len(cases))))
        except NeoSegDINOError as error:
            sink(error_event(error))
            ctx.exit(error.exit_code)
        refused = _written(found, out)
        if progress == "json":
            _send(found, out, refused, sink)
    if progress != "json":
        _print(found, out, refused)
    ctx.exit(found.exit_code if refused is None else refused.exit_code)


def _evaluated(work: _Work, cases: list[Case], reports: Progress) -> Evaluation:
    try:
        return work(cases, reports)
    except ImportError as error:
        raise DependencyError(
            f"A Python package does not load: {error}.", "'neosegdino doctor' says what is missing."
        ) from error


def _written(found: Evaluation, out: Path) -> NeoSegDINOError | None:
    """Write what was found; its figures may have taken hours, so that an error is to be told beside them."""
    try:
        found.write(out)
    except NeoSegDINOError as error:
        return error
    return None


def _check_place(out: Path, overwrite: bool) -> None:
    """Check before any work that the evaluation can and may be written."""
    from neosegdino.evaluation.results import check_folder
    from neosegdino.folders import private_folder

    check_folder(out)
    if not overwrite and out.is_dir() and any(out.iterdir()):
        raise OutputError(
            f"{printable(out)} holds an evaluation already.", "Add --overwrite, or choose another folder."
        )
    with private_folder(next(folder for folder in resolved(out).parents if folder.exists())):
        pass


def _inputs(source: CaseSource, predictions: Path | None, cases: Iterable[Case]) -> list[Path]:
    """All files and folders from which the evaluation is made."""
    files = [Path(file) for case in cases for file in (case.image, case.labels)]
    return [source.source, *([predictions] if predictions else []), *files]


def _check_inputs(out: Path, inputs: Iterable[Path]) -> None:
    """Check that nothing of the inputs lies in the folder that is replaced as a whole; nor a link to them."""
    place = resolved(out)
    for path in inputs:
        if resolved(path).is_relative_to(place) or (resolved(path.parent) / path.name).is_relative_to(place):
            raise OutputError(
                f"{printable(path)} is an input and lies in {printable(out)}, which the evaluation would replace.",
                "Choose another folder.",
            )


def _print(found: Evaluation, out: Path, refused: NeoSegDINOError | None) -> None:
    click.echo(found.text())
    if refused is None:
        click.echo(f"Written to {printable(out)}")
    else:
        show.show_error(refused)


def _send(found: Evaluation, out: Path, refused: NeoSegDINOError | None, sink: Sink) -> None:
    document: dict[str, Any] = msgspec.to_builtins(found.document())
    warnings = [f"Not evaluated: {failure.text()}" for failure in found.failures]
    place = printable(out) if refused is None else None
    sink(ResultEvent({"out": place, "warnings": warnings, "evaluation": document}))
    if refused is not None:
        sink(error_event(refused))
