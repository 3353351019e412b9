from __future__ import annotations

import json
from pathlib import Path

import pytest
from bundle_samples import NAME, make_bundle, zip_folder
from click.testing import CliRunner, Result
from hub_fixtures import ARCHITECTURE, CONTENT
from module_samples.hub_server import Hub
from neosegdino import bundle_store, weights_store
from neosegdino.cli import main
from neosegdino.weights_store import Name


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


def test_remove(store: Path) -> None:
    make_bundle(store / NAME)
    assert f"Removed {store / NAME}" in models("remove", NAME).stdout
    assert models("remove", NAME).exit_code == 4


def fetch(*options: str, answer: str | None = None) -> Result:
    return models("fetch", ARCHITECTURE, "--progress", "none", *options, answer=answer)


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 5), ("\n", 5)])
def test_fetch_shows_the_licence_and_asks(store: Path, hub_server: Hub, answer: str, code: int) -> None:
    result = fetch(answer=answer)
    assert "# DINOv3 License" in result.stdout
    assert "courts of California" in result.stdout
    assert "https://ai.meta.com/" in result.stdout
    assert "Do you accept this licence?" in result.stdout
    assert result.exit_code == code


def test_weights_are_fetched_listed_and_removed(store: Path, hub_server: Hub) -> None:
    assert "The weights are in" in fetch("--accept-licence").stdout
    assert f"{ARCHITECTURE}.lvd1689m  encoder weights" in models("list").stdout
    assert "Do you accept" not in fetch().stdout
    assert models("remove-weights", ARCHITECTURE).exit_code == 0
    assert "encoder weights" not in models("list").stdout
    assert models("remove-weights", ARCHITECTURE).exit_code == 5


def test_what_was_begun_is_removed(store: Path, hub_server: Hub) -> None:
    part = weights_store.part_of(Name(ARCHITECTURE, "lvd1689m"), 10, "0" * 64)
    part.path.parent.mkdir(parents=True)
    part.path.touch()
    assert models("remove-weights", ARCHITECTURE).exit_code == 0
    assert not part.path.exists()


def test_a_file_that_does_not_fit_is_told(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file.safetensors").write_bytes(b"no tensors")
    result = models("use-file", ARCHITECTURE, tmp_path / "file.safetensors", "--accept-licence", "--progress", "none")
    assert result.exit_code == 5
    assert "is not a whole safetensors file" in result.stderr


def test_json_holds_events_and_nothing_else(store: Path, hub_server: Hub) -> None:
    refused = models("fetch", ARCHITECTURE, "--progress", "json")
    assert [json.loads(line)["event"] for line in refused.stdout.splitlines()] == ["error"]
    done = models("fetch", ARCHITECTURE, "--progress", "json", "--accept-licence")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["event"] for event in events} == {"progress", "result"}
    assert {event["stage"] for event in events[:-1]} == {"download", "check weights", "done"}
    assert Path(events[-1]["output"]["weights"]).read_bytes() == CONTENT
