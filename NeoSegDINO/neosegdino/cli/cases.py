"""``neosegdino cases``."""

from __future__ import annotations

import shutil

import click

from neosegdino.cli.case_options import CaseSource, case_source
from neosegdino.errors import CaseError


@click.command()
@case_source()
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def cases(ctx: click.Context, *, source: CaseSource, as_json: bool) -> None:
    """Check images with reference labels before training or measuring.

    SOURCE is a CSV table (columns image and labels; name, subject, left and right if wanted), a BIDS folder with
    segmentations (*_dseg.nii.gz) among its derivatives, or a folder of pairs. Printed are each case's geometry, label
    values, volumes and a guess of its contrast, and below what is wrong and what to do. Where a case cannot be used,
    the exit code is 9.
    """
    from tqdm import tqdm

    from neosegdino.cases.case_report import encode
    from neosegdino.cases.preflight import preflight
    from neosegdino.cases.show import table

    found = source.find()
    with tqdm(total=len(found), desc="Looking at cases", leave=False, disable=None) as bar:
        reports = preflight(found, lambda report: bar.update())
    click.echo(encode(reports) if as_json else table(reports, min(100, shutil.get_terminal_size().columns)))
    if any(report.bad for report in reports):
        ctx.exit(CaseError.exit_code)
