"""``neosegdino models``: the model bundles on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from neosegdino import bundle, bundle_store


@click.group()
def models() -> None:
    """List, show, verify and install model bundles; fetch encoder weights."""


@models.command("list")
def list_() -> None:
    """List the bundles that are found."""
    rows = bundle_store.list_bundles()
    for found in rows:
        if found.bundle is None:
            click.echo(f"{found.folder.name}  broken: {found.problem}  ({found.folder})")
        else:
            click.echo(f"{found.folder.name}  {found.bundle.spec.version}  {found.bundle.spec.title}  ({found.folder})")
    if not rows:
        folders = ", ".join(str(folder) for folder in bundle_store.search_folders())
        click.echo(f"No model bundles in {folders}.")


@models.command()
@click.argument("name")
def show(name: str) -> None:
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
def schema() -> None:
    """Print the JSON schema of bundle.json."""
    click.echo(_pretty(bundle.schema()))


@models.command()
@click.argument("architecture")
@click.option("--tag", default="lvd1689m", show_default=True, help="Which published weights.")
@click.option("--accept-licence", is_flag=True, help="Accept the licence without being asked.")
def fetch(architecture: str, tag: str, accept_licence: bool) -> None:
    """Download published encoder weights after showing their licence.

    ARCHITECTURE is timm's name, such as vit_small_patch16_dinov3.
    """
    from neosegdino import hub

    terms = hub.licence(architecture, tag)
    click.echo(terms.terms)
    agreed = accept_licence or hub.accepted(terms.name) is not None
    agreed = agreed or click.confirm("Do you accept this licence?", default=False)
    click.echo(f"The weights are in {hub.fetch(architecture, tag, accept_licence=agreed)}")


def _pretty(content: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
