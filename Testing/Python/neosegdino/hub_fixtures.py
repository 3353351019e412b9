"""A user's empty folder and a local hub, for the tests of published weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from module_samples.hub_server import Hub, serve
from neosegdino import hub_file, licences

ARCHITECTURE, TAG = "vit_small_patch16_dinov3", "lvd1689m"
CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; nothing else is asked where it is."""
    folder = tmp_path / "home"
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    return folder


@pytest.fixture
def hub_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that gives `CONTENT`; where connections break, nobody waits long."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(hub_file, "_PAUSE_S", 0.01)
    with serve(Hub(CONTENT)) as hub:
        monkeypatch.setenv(hub_file.ENDPOINT_VARIABLE, hub.address)
        yield hub


@pytest.fixture
def agreed(home: Path) -> None:
    """The licence was accepted."""
    licences.accept(licences.read_licence(licences.DINOV3))


def files_under(folder: Path) -> list[str]:
    """Names of all files but locks, which stay."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
