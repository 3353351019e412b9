"""``neosegdino recipes``: whole experiments on data sets that their holders have."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from neosegdino.cli import show, watch
from neosegdino.errors import DependencyError, NeoSegDINOError
from neosegdino.progress import ResultEvent, Sink, error_event
from neosegdino.recipes.albert_options import AlbertOptions

if TYPE_CHECKING:
    from neosegdino.recipes.comparison import Comparison

_DEFAULT = AlbertOptions()


@click.group()
def recipes() -> None:
    """Whole experiments on data sets that you hold; research use."""


@recipes.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="OUT")
@click.option("--contrast", type=click.Choice(["T1", "T2", "both"]), default=_DEFAULT.contrast, show_default=True)
@click.option("--folds", type=click.IntRange(min=2), default=_DEFAULT.folds, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=_DEFAULT.epochs, show_default=True, help="At most.")
@click.option("--views", type=click.IntRange(min=0), default=_DEFAULT.views, show_default=True, help="As of finetune.")
@click.option("--seed", default=_DEFAULT.seed, show_default=True)
@click.option("--bundle", metavar="NAME|DIR", help="Bundle to start from; by default the shipped one.")
@click.option("--device", default=_DEFAULT.device, show_default=True, metavar="NAME")
@click.option("--exchange-sides", is_flag=True, help="In this copy, 1 is the right hippocampus and 2 the left one.")
@click.option("--leave-out-bad", is_flag=True, help="Leave newborns out whose files are missing or bad.")
@click.option("--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True)
@click.pass_context
def albert(
    ctx: click.Context, /, *, folder: Path, out: Path, leave_out_bad: bool, progress: show.ProgressKind, **chosen: Any
) -> None:
    """Cross-validate on the ALBERT data set (20 newborns), and print the paper's table beside ours.

    DIR holds T1/ or T2/ with ALBERT_01.nii.gz to ALBERT_20.nii.gz, and segmentations-v3/ with labels of the same names
    (hippocampus 1 left, 2 right; checked against the headers). Each fold is trained with a single window and with
    several, and measured on newborns it has not seen. The same command goes on after an interruption: folds that are
    finished in OUT are not run again. Table in OUT: table.md, table.csv, table.json.
    """
    with show.sink(progress) as sink, watch.cancel_on_signals() as cancelled:
        try:
            table = _run(folder, out, AlbertOptions(**chosen), leave_out_bad, sink, cancelled)
        except NeoSegDINOError as error:
            sink(error_event(error))
            ctx.exit(error.exit_code)
        if progress == "json":
            sink(ResultEvent(msgspec.to_builtins(table)))
        else:
            click.echo(table.text())


def _run(
    folder: Path, out: Path, options: AlbertOptions, leave_out_bad: bool, sink: Sink, cancelled: threading.Event
) -> Comparison:
    try:
        from neosegdino.recipes.albert import run_albert

        return run_albert(folder, out, options, leave_out_bad=leave_out_bad, sink=sink, cancelled=cancelled.is_set)
    except ImportError as error:
        raise DependencyError(
            f"A Python package does not load: {error}.", "'neosegdino doctor' says what is missing."
        ) from error
