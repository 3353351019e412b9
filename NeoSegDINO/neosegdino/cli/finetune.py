"""``neosegdino finetune``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from neosegdino.cli import show, watch
from neosegdino.cli.case_options import CaseSource, case_source
from neosegdino.cli.numbers import json_object, three, three_lengths
from neosegdino.errors import DependencyError, NeoSegDINOError, Paused
from neosegdino.progress import Progress, ResultEvent, Sink, error_event
from neosegdino.training.settings import FinetuneSettings

if TYPE_CHECKING:
    from neosegdino.bundle import Bundle
    from neosegdino.cases.case import Case

_DEFAULT = FinetuneSettings()
_GIVEN = click.core.ParameterSource.COMMANDLINE
_WITH_RESUME = ("resume", "device", "progress")
Command = TypeVar("Command", bound=Callable[..., Any])


def _settings(command: Command) -> Command:
    """Add an option for every setting."""
    options = [
        click.option("--name", default=_DEFAULT.name, show_default=True, help="Name of the new bundle."),
        click.option("--bundle", metavar="NAME|DIR", help="Bundle to start from; by default the shipped one."),
        click.option("--windows", type=click.Choice(["located", "all"]), default=_DEFAULT.windows, show_default=True),
        click.option(
            "--counts",
            metavar="X,Y,Z",
            callback=three,
            help="Windows per axis around the hippocampi, with --windows all.",
        ),
        click.option("--window", metavar="X,Y,Z", callback=three, help="Voxels of a window; by default the bundle's."),
        click.option(
            "--spacing-mm", metavar="X,Y,Z", callback=three_lengths, help="The model's grid; by default the bundle's."
        ),
        click.option("--arms", type=click.Choice(["shared", "per-window"]), default=_DEFAULT.arms, show_default=True),
        click.option("--decoder", default="", help="Head to train; by default the bundle's."),
        click.option(
            "--decoder-options",
            metavar="JSON",
            default="{}",
            callback=json_object,
            help='Options of the head that --decoder names, such as {"dropout": 0.1}.',
        ),
        click.option("--from-scratch", is_flag=True, help="Start the decoder from random weights."),
        click.option("--epochs", default=_DEFAULT.epochs, show_default=True, help="Passes over the cases at most."),
        click.option("--rate", default=_DEFAULT.rate, show_default=True, help="Highest learning rate."),
        click.option("--warmup", default=_DEFAULT.warmup, show_default=True, help="Steps of warm-up."),
        click.option("--weight-decay", default=_DEFAULT.weight_decay, show_default=True),
        click.option("--batch", default=_DEFAULT.batch, show_default=True, help="Cases of one step."),
        click.option(
            "--views",
            default=_DEFAULT.views,
            show_default=True,
            help="Fixed augmented views of a case, their features cached; 0: new ones in every step, uncached.",
        ),
        click.option("--mirror/--no-mirror", default=_DEFAULT.mirror, show_default=True, help="Mirrored views."),
        click.option(
            "--validation", default=_DEFAULT.validation, show_default=True, help="Share of subjects that validate."
        ),
        click.option(
            "--patience", default=_DEFAULT.patience, show_default=True, help="Epochs without a better validation."
        ),
        click.option("--seed", default=_DEFAULT.seed, show_default=True),
        click.option("--cache-gb", default=_DEFAULT.cache_gb, show_default=True, help="Bound of cached features."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@case_source(required=False)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="RUN", help="Folder of the run.")
@click.option("--resume", type=click.Path(path_type=Path, file_okay=False), metavar="RUN", help="Go on with a run.")
@click.option("--device", metavar="NAME", help="auto (default), cpu, cuda, cuda:<number>, mps.")
@click.option("--leave-out-bad", is_flag=True, help="Train on the cases that nothing is wrong with.")
@click.option("--estimate", is_flag=True, help="Say what memory and time it will take, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the estimate as JSON.")
@click.option("--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True)
@_settings
@click.pass_context
def finetune(
    ctx: click.Context,
    /,
    *,
    source: CaseSource | None,
    out: Path | None,
    resume: Path | None,
    device: str | None,
    leave_out_bad: bool,
    estimate: bool,
    as_json: bool,
    progress: show.ProgressKind,
    **chosen: Any,
) -> None:
    """Fine-tune a bundle's decoder on your own cases; research use.

    The folder RUN takes checkpoints, curves, and in the end the new bundle in RUN/bundle. A run that was stopped, in
    whatever way, goes on with --resume RUN. Start it with torchrun to spread the windows over several GPUs.
    """
    if (source is None) == (resume is None) or (source is not None and out is None):
        raise click.UsageError("Give cases and --out RUN, or --resume RUN.")
    if resume is not None:
        _refuse_settings(ctx)
    if as_json and not estimate:
        raise click.UsageError("--json goes with --estimate.")
    if estimate:
        assert source is not None
        _print_estimate(source, _checked({**chosen, "device": device or "auto"}), leave_out_bad, as_json)
        return

    def work(reports: Progress) -> Bundle:
        from neosegdino.training import finetune as training

        if resume is not None:
            return training.resume(resume, device=device, progress=reports)
        assert source is not None and out is not None
        settings = _checked({**chosen, "device": device or "auto"})
        cases, left_out = _usable(source.find(), leave_out_bad)
        split = _split(cases, settings)
        return training.finetune(*split, settings, out, progress=reports, left_out=left_out)

    with show.sink(progress) as sink, watch.cancel_on_signals() as cancelled:
        ctx.exit(_run(work, sink, cancelled, as_event=progress == "json"))


def _refuse_settings(ctx: click.Context) -> None:
    """A run that goes on keeps its settings; those given beside would go unheard."""
    given = [
        option.opts[0]
        for option in ctx.command.params
        if option.name not in _WITH_RESUME and ctx.get_parameter_source(option.name or "") == _GIVEN
    ]
    if given:
        raise click.UsageError(f"--resume goes on with the settings that the run began with: leave {given[0]} out.")


def _run(work: Callable[[Progress], Bundle], sink: Sink, cancelled: threading.Event, *, as_event: bool) -> int:
    """Do the work; return the exit code."""
    try:
        try:
            made = work(Progress(sink, cancelled.is_set))
        except ImportError as error:
            raise DependencyError(
                f"A Python package does not load: {error}.", "'neosegdino doctor' says what is missing."
            ) from error
    except Paused as request:
        click.echo(str(request), err=True)
        return request.exit_code
    except NeoSegDINOError as error:
        sink(error_event(error))
        return error.exit_code
    if as_event:
        sink(ResultEvent(_output(made)))
    else:
        _print_result(made)
    return 0


def _print_result(made: Bundle) -> None:
    click.echo(f"{made.spec.title}: {made.folder}")
    for row in made.spec.accuracy:
        click.echo(f"  {row.metric}: {row.mean:.3f} (sd {row.sd:.3f}, n = {row.count}, {row.note})")


def _output(made: Bundle) -> dict[str, Any]:
    figures = [msgspec.to_builtins(row) for row in made.spec.accuracy]
    return {"bundle": str(made.folder), "name": made.spec.name, "accuracy": figures}


def _usable(cases: list[Case], leave_out: bool) -> tuple[list[Case], list[str]]:
    """Cases that can be used, and the names of those that are left out."""
    from neosegdino.cases.preflight import preflight, require_usable

    bad = require_usable(preflight(cases), leave_out=leave_out)
    for name in bad:
        click.echo(f"Left out: {name}", err=True)
    return [case for case in cases if case.name not in bad], bad


def _split(cases: list[Case], settings: FinetuneSettings) -> tuple[list[Case], list[Case]]:
    from neosegdino.training.split import split_by_subject

    return split_by_subject(cases, settings.validation, settings.seed)


def _checked(chosen: dict[str, Any]) -> FinetuneSettings:
    """Settings within their limits."""
    try:
        return msgspec.convert(chosen, FinetuneSettings)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"A setting is out of its range: {error}.") from error


def _print_estimate(source: CaseSource, settings: FinetuneSettings, leave_out_bad: bool, as_json: bool) -> None:
    from neosegdino.training.estimate import estimate

    cases, _ = _usable(source.find(), leave_out_bad)
    found = estimate(*_split(cases, settings), settings)
    text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else found.text()
    click.echo(text)
