from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from bundle_samples import NAME, make_bundle, zip_folder
from click.testing import CliRunner, Result
from neosegdino import bundle_store, hub
from neosegdino.cli import main


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    monkeypatch.setattr(bundle_store, "search_folders", lambda: [tmp_path / "models"])
    return tmp_path / "models"


def models(*arguments: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, arguments)], input=answer)


def test_list_names_bundles_and_what_is_wrong(store: Path) -> None:
    assert "No model bundles in" in models("list").stdout
    make_bundle(store / NAME)
    make_bundle(store / "broken")
    listed = models("list").stdout.splitlines()
    assert listed[1].startswith(f"{NAME}  1.0.0  Sample")
    assert listed[0].startswith("broken  broken: ")


def test_show_is_the_description(store: Path) -> None:
    make_bundle(store / NAME)
    shown = json.loads(models("show", NAME).stdout)
    assert (shown["name"], shown["encoder"]["axis"]) == (NAME, "coronal")
    assert models("show", "absent").exit_code == 4


def test_verify_finds_damage(store: Path) -> None:
    folder = make_bundle(store / NAME).folder
    assert f"{NAME} 1.0.0: whole, 5 files" in models("verify").stdout
    assert models("verify", NAME).exit_code == 0
    content = bytearray((folder / "CARD.md").read_bytes())
    content[0] ^= 1
    (folder / "CARD.md").write_bytes(content)
    for arguments in (("verify",), ("verify", NAME)):
        result = models(*arguments)
        assert result.exit_code == 4
        assert "CARD.md is damaged or altered" in result.stderr


def test_install_and_replace(store: Path, tmp_path: Path) -> None:
    source = make_bundle(tmp_path / "source" / NAME).folder
    archive = zip_folder(source, tmp_path / "bundle.zip")
    assert f"Installed {NAME} 1.0.0" in models("install", archive).stdout
    again = models("install", source)
    assert again.exit_code == 4
    assert "--replace" in again.stderr
    assert models("install", source, "--replace").exit_code == 0
    assert models("verify", NAME).exit_code == 0


def test_schema_is_printed() -> None:
    assert "BundleSpec" in json.loads(models("schema").stdout)["$defs"]


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 5), ("\n", 5)])
def test_fetch_shows_the_licence_and_asks(monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    def download(repository: str, name: str, target: Path) -> str:
        target.write_bytes(b"weights")
        return hashlib.sha256(b"weights").hexdigest()

    monkeypatch.setattr(hub, "from_hub", download)
    result = models("fetch", "vit_small_patch16_dinov3", answer=answer)
    assert "dinov3-license" in result.stdout
    assert "Do you accept this licence?" in result.stdout
    assert result.exit_code == code
