"""``neosegdino table``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from neosegdino import table as tables
from neosegdino.files import atomic_path

_SCHEMA = "neosegdino-report/1"


@click.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="REPORT...")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="CSV file to write; by default it is shown."
)
def table(reports: tuple[Path, ...], *, out: Path | None) -> None:
    """Put the figures of many results into one table.

    REPORT is a <name>_report.json of `neosegdino segment`. A line each; the columns stay from release to release.
    """
    text = tables.as_csv(_read(path) for path in reports)
    if out is None:
        click.echo(text, nl=False)
        return
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    """Read one report.

    Raises
    ------
    click.BadParameter
        It cannot be read, or is none.
    """
    try:
        report = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as a report: {error}.") from error
    if not isinstance(report, dict) or report.get("schema") != _SCHEMA:
        raise click.BadParameter(f"{path} is no report of neosegdino segment.")
    return tables.complete(report)
