"""The command line ``neosegdino``; importing it imports neither torch nor timm."""

from __future__ import annotations

from typing import Any

import click

from neosegdino import __version__
from neosegdino.cli.cases import cases
from neosegdino.cli.doctor import doctor
from neosegdino.cli.evaluate import evaluate
from neosegdino.cli.features import features
from neosegdino.cli.finetune import finetune
from neosegdino.cli.models import models
from neosegdino.cli.recipes import recipes
from neosegdino.cli.segment import segment
from neosegdino.cli.show import show_error
from neosegdino.cli.table import table
from neosegdino.errors import NeoSegDINOError

EXIT_CODES = """\b
Exit codes:
  0    done
  1    unexpected failure; please report it
  2    wrong use of the command line
  3    an input volume cannot be read or does not suit the method
  4    a model bundle is missing, damaged or of another schema
  5    encoder weights cannot be had, do not fit, or their licence was not accepted
  6    the device is absent, unusable or out of memory
  7    a result cannot be written
  8    a Python package is missing or does not load
  9    cases for training or evaluation are missing, do not fit together, or are too few
  10   a training run cannot be started, gone on with or finished
  130  cancelled
With several inputs the code is that of the last error."""


class Commands(click.Group):
    """A group that turns the package's errors into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except NeoSegDINOError as error:
            show_error(error)
            ctx.exit(error.exit_code)


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="neosegdino")
def main() -> None:
    """Left and right hippocampus from a newborn's brain MRI. Research use only: this is no medical device."""


main.add_command(segment)
main.add_command(models)
main.add_command(doctor)
main.add_command(evaluate)
main.add_command(finetune)
main.add_command(features)
main.add_command(cases)
main.add_command(recipes)
main.add_command(table)
