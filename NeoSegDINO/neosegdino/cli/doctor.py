"""``neosegdino doctor``."""

from __future__ import annotations

import click
import msgspec


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Device to try: auto, cpu, cuda, cuda:<number>, mps.",
)
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, device: str) -> None:
    """Say whether this machine can segment, and with what; the exit code is that of the first problem."""
    from neosegdino.doctor import as_text, examine

    found = examine(device)
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else as_text(found))
    ctx.exit(found["problems"][0]["exit_code"] if found["problems"] else 0)
