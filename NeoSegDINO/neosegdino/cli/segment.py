"""``neosegdino segment``."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neosegdino import files
from neosegdino.age import HIGHEST_WEEKS, LOWEST_WEEKS
from neosegdino.bundle_store import find_bundle
from neosegdino.cli import outputs, show, watch
from neosegdino.cli.outputs import Outputs
from neosegdino.errors import Cancelled, DependencyError, NeoSegDINOError, VolumeError
from neosegdino.folders import remove_leftovers
from neosegdino.page import SUFFIXES
from neosegdino.progress import Progress, ResultEvent, Sink, error_event

if TYPE_CHECKING:
    from neosegdino.bundle import Bundle
    from neosegdino.spec import WindowMode
    from neosegdino.volume import Volume


@dataclass(frozen=True)
class Settings:
    """How to segment; the names and defaults are those of the command line."""

    out: Path
    bundle: str | None
    windows: WindowMode | None
    device: str
    age_weeks: float | None
    overwrite: bool


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IN...")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for the results.")
@click.option("--bundle", metavar="NAME|DIR", help="Model bundle; by default the one that ships with the package.")
@click.option(
    "--windows",
    type=click.Choice(["located", "all"]),
    help="One window over the located hippocampi, or the whole volume in windows; by default as the bundle says.",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:<number>, mps."
)
@click.option(
    "--age-weeks",
    type=click.FloatRange(LOWEST_WEEKS, HIGHEST_WEEKS),
    metavar="WEEKS",
    help="Postmenstrual age of every IN, for the report: published volumes of that age, and a warning where the "
    "model was not made for it.",
)
@click.option("--confidence", is_flag=True, help="Write the probability of the winning class as a volume, too.")
@click.option("--report-page", type=click.Choice(SUFFIXES), help="Write a page to read and print, too.")
@click.option("--no-snapshot", is_flag=True, help="Write no picture.")
@click.option("--overwrite", is_flag=True, help="Replace results that exist.")
@click.option("--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True)
@click.pass_context
def segment(
    ctx: click.Context,
    inputs: tuple[Path, ...],
    *,
    out: Path,
    bundle: str | None,
    windows: WindowMode | None,
    device: str,
    age_weeks: float | None,
    confidence: bool,
    report_page: str | None,
    no_snapshot: bool,
    overwrite: bool,
    progress: show.ProgressKind,
) -> None:
    """Segment the left and the right hippocampus in NIfTI volumes.

    For each input: <name>_hippocampus.nii.gz (labels on the input's grid), <name>_report.json and
    <name>_snapshot.png in the folder DIR. The files of an input appear together when all are whole.
    """
    planned = outputs.plan(inputs, out, snapshot=not no_snapshot, confidence=confidence, page=report_page)
    settings = Settings(out, bundle, windows, device, age_weeks, overwrite)
    with show.sink(progress) as sink, watch.cancel_on_signals() as cancelled:
        code = _run(planned, settings, sink, cancelled, watch_parent=progress == "json")
    ctx.exit(code)


def _run(
    planned: Sequence[Outputs], settings: Settings, sink: Sink, cancelled: threading.Event, *, watch_parent: bool
) -> int:
    """Segment all inputs; return the exit code."""
    try:
        if watch_parent:
            watch.end_with_parent(cancelled)
        outputs.check_place(planned, settings.out, overwrite=settings.overwrite)
        bundle = find_bundle(settings.bundle)
        remove_leftovers(settings.out)
        progress = Progress(sink, cancelled.is_set, runs=len(planned))
        return _run_each(planned, settings, bundle, progress, sink)
    except NeoSegDINOError as error:
        sink(error_event(error))
        return error.exit_code


def _run_each(planned: Sequence[Outputs], settings: Settings, bundle: Bundle, progress: Progress, sink: Sink) -> int:
    code = 0
    for one in planned:
        try:
            output = _segment_one(one, settings, bundle, progress)
            progress.finish()
            sink(ResultEvent(output))
        except Cancelled:
            raise
        except NeoSegDINOError as error:
            progress.finish()
            sink(error_event(error))
            code = error.exit_code
    return code


def _segment_one(one: Outputs, settings: Settings, bundle: Bundle, progress: Progress) -> dict[str, Any]:
    try:
        volume, sha256 = _read(one.source)  # a bad input is told before torch is imported
        from neosegdino.segment import segment as segment_volume
    except ImportError as error:
        raise DependencyError(
            f"A Python package does not load: {error}.", "'neosegdino doctor' says what is missing."
        ) from error
    result = segment_volume(
        volume,
        bundle,
        windows=settings.windows,
        device=settings.device,
        age_weeks=settings.age_weeks,
        progress=progress,
    )
    report = dict(result.report)
    report["input"] = report["input"] | {"sha256": sha256}
    outputs.write(one, result, report, bundle.spec.classes)
    return _output(one, report)


def _read(source: Path) -> tuple[Volume, str]:
    """Read an input and take its hash at once: it may be gone or be another one when the work is done."""
    from neosegdino.volume import load_volume

    volume = load_volume(source)
    try:
        return volume, files.sha256(source)
    except OSError as error:
        raise VolumeError(
            f"{files.printable(source)} cannot be read any more: {error.strerror or error}.",
            "Leave the file where it is until the work is done.",
        ) from error


def _output(one: Outputs, report: dict[str, Any]) -> dict[str, Any]:
    names = ("side", "name", "label", "volume_mm3", "confidence")
    return {
        "input": files.printable(one.source),
        "labels": files.printable(one.labels),
        "report": files.printable(one.report),
        "snapshot": files.printable(one.snapshot) if one.snapshot else None,
        "confidence": files.printable(one.confidence) if one.confidence else None,
        "page": files.printable(one.page) if one.page else None,
        "summary": [{name: row[name] for name in names} for row in report["hippocampus"]],
        "flags": report["flags"],
        "warnings": report["warnings"],
    }
