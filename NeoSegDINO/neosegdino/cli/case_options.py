"""The argument SOURCE and the options that say where cases are; shared by all commands that take cases."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from neosegdino.cases.case import Case
from neosegdino.cases.pattern import IMAGES, LABELS
from neosegdino.cases.side_values import LEFT, RIGHT, Values, parse_values
from neosegdino.cases.source import find_cases

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class CaseSource:
    """Where cases are found; see `find_cases`."""

    source: Path
    images: str | None
    labels: str | None
    left: Values
    right: Values

    def find(self) -> list[Case]:
        """List the cases.

        Raises
        ------
        CaseError
            There are none, or the source contradicts itself.
        """
        return find_cases(self.source, self.images, self.labels, self.left, self.right)


def _values(ctx: click.Context, param: click.Parameter, text: str) -> Values:
    """Values of a label map, separated by commas."""
    try:
        return parse_values(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no list of whole numbers such as 1 or 17,18.") from error


def case_source(*, required: bool = True) -> Callable[[Command], Command]:
    """Add SOURCE and its options to a command, which takes them as ``source``: a `CaseSource`.

    Parameters
    ----------
    required : bool, optional
        Whether SOURCE has to be given; without it ``source`` is None.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def gathered(
            *args: Any,
            source: Path | None,
            images: str | None,
            labels: str | None,
            left: Values,
            right: Values,
            **others: Any,
        ) -> Any:
            chosen = None if source is None else CaseSource(source, images, labels, left, right)
            return command(*args, source=chosen, **others)

        made: Any = gathered
        for option in reversed(_options(required)):
            made = option(made)
        return made  # type: ignore[no-any-return]

    return decorate


def _options(required: bool) -> list[Callable[[Any], Any]]:
    return [
        click.argument("source", type=click.Path(path_type=Path), required=required),
        click.option("--images", metavar="PATTERN", help=f"Images in the folder SOURCE; by default {IMAGES}."),
        click.option("--labels", metavar="PATTERN", help=f"Their labels; by default {LABELS}."),
        _side_option("left", LEFT),
        _side_option("right", RIGHT),
    ]


def _side_option(side: str, values: Values) -> Callable[[Any], Any]:
    text = ",".join(str(value) for value in values)
    about = f"Values of the {side} hippocampus in the labels, with commas between."
    return click.option(f"--{side}", metavar="VALUES", default=text, show_default=True, callback=_values, help=about)
