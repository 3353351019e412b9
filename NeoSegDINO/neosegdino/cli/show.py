"""How events look on a terminal and in a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import click

from neosegdino.errors import NeoSegDINOError
from neosegdino.progress import ErrorEvent, Event, LogEvent, ResultEvent, Sink, TerminalBar, json_lines

ProgressKind = Literal["bar", "json", "none"]


@contextmanager
def sink(kind: ProgressKind) -> Iterator[Sink]:
    """Give the sink of a ``--progress`` choice; with ``json``, standard output holds its lines and nothing else."""
    if kind == "json":
        lines = json_lines(sys.stdout.buffer)

        def both(event: Event) -> None:
            lines(event)
            if isinstance(event, ErrorEvent):
                _print_error(event)

        with contextlib.redirect_stdout(sys.stderr):
            yield both
    else:
        bar = TerminalBar() if kind == "bar" else None
        try:
            yield _Terminal(bar)
        finally:
            if bar is not None:
                bar.close()


def show_error(error: NeoSegDINOError) -> None:
    """Print an error with its remedy on standard error."""
    _print_error(ErrorEvent(type(error).__name__, error.message, error.remedy, error.exit_code))


def _print_error(event: ErrorEvent) -> None:
    click.echo(f"Error: {event.message}", err=True)
    if event.remedy:
        click.echo(f"  Remedy: {event.remedy}", err=True)


class _Terminal:
    """Prints events for people; a warning told during the work is not repeated with its result."""

    def __init__(self, bar: TerminalBar | None) -> None:
        self._bar = bar
        self._told: set[str] = set()

    def __call__(self, event: Event) -> None:
        if self._bar is not None:
            self._bar.clear()
        if isinstance(event, ResultEvent):
            _print_result(event.output)
            self._warn([warning for warning in event.output["warnings"] if warning not in self._told])
        elif isinstance(event, LogEvent) and event.level == "warning":
            self._warn([event.message] if event.message not in self._told else [])
            self._told.add(event.message)
        elif isinstance(event, ErrorEvent):
            _print_error(event)
        elif self._bar is not None:
            self._bar(event)
        if isinstance(event, ResultEvent | ErrorEvent):
            self._told.clear()

    def _warn(self, messages: list[str]) -> None:
        for message in messages:
            click.echo(f"Warning: {message}", err=True)


def _print_result(output: dict[str, Any]) -> None:
    sizes = ", ".join(f"{row['side']} {row['volume_mm3'] / 1000:.2f} ml" for row in output["summary"])
    click.echo(f"{output['input']}: {sizes}")
    for name in ("labels", "report", "snapshot", "confidence", "page"):
        if output[name]:
            click.echo(f"  {name}: {output[name]}")
