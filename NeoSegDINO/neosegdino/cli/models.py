"""``neosegdino models``: the model bundles and encoder weights on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from neosegdino import bundle, bundle_store, licences, weights_store
from neosegdino.cli import show, watch
from neosegdino.errors import DependencyError, NeoSegDINOError
from neosegdino.progress import Progress, ResultEvent, error_event

if TYPE_CHECKING:
    from neosegdino.licences import Licence

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def models() -> None:
    """List, show, verify, install and remove model bundles; fetch encoder weights."""


@models.command("list")
def list_() -> None:
    """List the bundles and encoder weights that are found."""
    rows = bundle_store.list_bundles()
    for found in rows:
        if found.bundle is None:
            click.echo(f"{found.folder.name}  broken: {found.problem}  ({found.folder})")
        else:
            click.echo(f"{found.folder.name}  {found.bundle.spec.version}  {found.bundle.spec.title}  ({found.folder})")
    if not rows:
        folders = ", ".join(str(folder) for folder in bundle_store.search_folders())
        click.echo(f"No model bundles in {folders}.")
    for name in weights_store.names():
        click.echo(f"{name}  encoder weights  ({name.folder})")


@models.command("show")
@click.argument("name")
def show_(name: str) -> None:
    """Show a bundle's description: use, training data, measured accuracy, licence, settings."""
    found = bundle_store.find_bundle(name, verify=False)
    click.echo(msgspec.json.format(msgspec.json.encode(found.spec), indent=2).decode())


@models.command()
@click.argument("name", required=False)
def verify(name: str | None) -> None:
    """Compare the files of a bundle, or of all bundles, with their SHA-256."""
    if name is not None:
        click.echo(_whole(bundle_store.find_bundle(name)))
        return
    last = None
    for found in bundle_store.list_bundles(verify=True):
        click.echo(_whole(found.bundle) if found.bundle else f"{found.folder.name}: broken: {found.problem}")
        last = found.problem or last
    if last is not None:
        raise last


def _whole(found: bundle.Bundle) -> str:
    return f"{found.spec.name} {found.spec.version}: whole, {len(found.spec.files)} files"


@models.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Replace an installed bundle of the same name.")
def install(source: Path, replace: bool) -> None:
    """Install a bundle from a folder or a .zip file."""
    installed = bundle_store.install_bundle(source, replace=replace)
    click.echo(f"Installed {installed.spec.name} {installed.spec.version} in {installed.folder}")


@models.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove an installed bundle."""
    click.echo(f"Removed {bundle_store.remove_bundle(name)}")


@models.command()
def schema() -> None:
    """Print the JSON schema of bundle.json."""
    click.echo(_pretty(bundle.schema()))


def _of_weights(command: Command) -> Command:
    """Add what the commands that bring weights have in common."""
    options = [
        click.argument("architecture"),
        click.option("--tag", default="lvd1689m", show_default=True, help="Which published weights."),
        click.option("--accept-licence", is_flag=True, help="Accept the licence without being asked."),
        click.option("--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@models.command()
@_of_weights
@click.pass_context
def fetch(ctx: click.Context, architecture: str, tag: str, accept_licence: bool, progress: show.ProgressKind) -> None:
    """Download published encoder weights after showing their licence.

    ARCHITECTURE is timm's name, such as vit_small_patch16_dinov3. A download that was stopped goes on where it stopped.
    """
    from neosegdino import hub

    agreed = _agreed(hub.licence(architecture, tag), accept_licence, progress)
    _bring(ctx, progress, lambda reports: hub.fetch(architecture, tag, accept_licence=agreed, progress=reports))


@models.command()
@_of_weights
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def use_file(
    ctx: click.Context, architecture: str, tag: str, accept_licence: bool, progress: show.ProgressKind, file: Path
) -> None:
    """Use downloaded encoder weights after showing their licence.

    FILE is a .safetensors file of timm or Hugging Face, or Meta's .pth file, with the weights of ARCHITECTURE.
    """
    from neosegdino import hub

    agreed = _agreed(hub.licence(architecture, tag), accept_licence, progress)
    _bring(
        ctx, progress, lambda reports: hub.use_file(architecture, tag, file, accept_licence=agreed, progress=reports)
    )


@models.command()
@click.argument("architecture")
@click.option("--tag", default="lvd1689m", show_default=True, help="Which published weights.")
def remove_weights(architecture: str, tag: str) -> None:
    """Remove encoder weights, and what there is of a stopped download."""
    from neosegdino import hub

    hub.remove(architecture, tag)
    click.echo(f"Removed {architecture}.{tag}")


def _agreed(terms: Licence, accept: bool, progress: show.ProgressKind) -> bool:
    """Whether the user accepts the licence; whoever reads JSON has shown it."""
    agreed = accept or licences.accepted(terms) is not None
    if agreed or progress == "json":
        return agreed
    click.echo(f"{terms.text}\n{terms.address}")
    return click.confirm("Do you accept this licence?", default=False)


def _bring(ctx: click.Context, progress: show.ProgressKind, work: Callable[[Progress], Path]) -> None:
    """Do the work with reports of its progress; end with the exit code that says how it went."""
    with show.sink(progress) as sink, watch.cancel_on_signals() as cancelled:
        try:
            if progress == "json":
                watch.end_with_parent(cancelled)
            reports = Progress(sink, cancelled.is_set)
            path = _required(work, reports)
            reports.finish()
        except NeoSegDINOError as error:
            sink(error_event(error))
            ctx.exit(error.exit_code)
        if progress == "json":
            sink(ResultEvent({"weights": str(path)}))
        else:
            click.echo(f"The weights are in {path}")


def _required(work: Callable[[Progress], Path], reports: Progress) -> Path:
    try:
        return work(reports)
    except ImportError as error:
        raise DependencyError(
            f"A Python package does not load: {error}.", "'neosegdino doctor' says what is missing."
        ) from error


def _pretty(content: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
