"""``neosegdino features``: the cached features of fine-tuning runs."""

from __future__ import annotations

import re
from pathlib import Path

import click

from neosegdino.errors import OutputError
from neosegdino.training.feature_cache import FeatureCache

_MIB = 1 << 20
_FEATURES = re.compile(r"[0-9a-f]{64}\.safetensors")
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group()
def features() -> None:
    """Show and empty a folder of cached features, such as RUN/features of a fine-tuning run."""


@features.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
def show(folder: Path) -> None:
    """Say how many features the folder holds and what they take."""
    cache = _cache(folder)
    click.echo(f"{folder}: {_files(len(cache.entries()))}, {_size(cache.bytes())}")


@features.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
def clear(folder: Path) -> None:
    """Remove the features; a run that goes on computes them again."""
    cache = _cache(folder)
    count = len(cache.entries())
    click.echo(f"{folder}: {_files(count)} removed, {_size(cache.clear())} freed")


def _cache(folder: Path) -> FeatureCache:
    """Cache of a folder, after a look whether its files are features: weights have the same suffix."""
    cache = FeatureCache(folder, limit_bytes=0)
    if other := [path.name for path in cache.entries() if not _FEATURES.fullmatch(path.name)]:
        raise OutputError(f"{folder} holds other files than cached features: {other[0]}.", "Give RUN/features.")
    return cache


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _size(size: int) -> str:
    return f"{size / _MIB:.1f} MiB"
