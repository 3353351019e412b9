from __future__ import annotations

from pathlib import Path

import pytest
from hub_fixtures import ARCHITECTURE, CONTENT, TAG, files_under
from neosegdino import weights_store
from neosegdino.errors import WeightsError
from neosegdino.weights_store import Name

NAME = Name(ARCHITECTURE, TAG)


@pytest.fixture
def path(home: Path, tmp_path: Path) -> Path:
    new = tmp_path / "new"
    new.mkdir()
    NAME.folder.parent.mkdir(parents=True)
    (new / weights_store.FILE).write_bytes(CONTENT)
    return weights_store.put(NAME, new, "timm/some", "some-licence")


def test_what_was_put_is_found(path: Path) -> None:
    assert weights_store.find(NAME) == path
    assert weights_store.names() == [NAME]


def test_what_is_not_here_says_how_to_get_it(home: Path) -> None:
    with pytest.raises(WeightsError, match="are not on this computer") as caught:
        weights_store.find(NAME)
    assert f"models fetch {ARCHITECTURE} --tag {TAG}" in caught.value.remedy
    assert weights_store.names() == []


def test_recorded_hash_is_enforced(path: Path) -> None:
    path.write_bytes(b"altered")
    with pytest.raises(WeightsError, match="damaged or altered"):
        weights_store.find(NAME)


def test_hash_that_a_model_asks_for_is_enforced(path: Path) -> None:
    with pytest.raises(WeightsError, match=f"not the file that the model asks for.* expected {'1' * 64}"):
        weights_store.find(NAME, "1" * 64)


def test_file_without_its_record_is_not_trusted(path: Path) -> None:
    path.with_name("record.json").unlink()
    with pytest.raises(WeightsError, match="missing or damaged"):
        weights_store.find(NAME)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "a.b"])
def test_names_lead_nowhere(name: str) -> None:
    with pytest.raises(WeightsError, match="is no name of published weights"):
        Name(name, TAG)
    with pytest.raises(WeightsError, match="is no name of published weights"):
        Name(ARCHITECTURE, name)


def test_removed_is_gone(home: Path, path: Path) -> None:
    weights_store.remove(NAME)
    assert files_under(home) == []
    with pytest.raises(WeightsError, match="are not on this computer"):
        weights_store.remove(NAME)


def test_what_was_begun_is_listed_and_thrown_away(home: Path) -> None:
    part = weights_store.part_of(NAME, 10, "a" * 64)
    part.path.parent.mkdir(parents=True)
    part.path.write_bytes(b"1234")
    assert weights_store.begun(NAME) == [part]
    assert (part.bytes, part.size) == (4, 10)
    assert weights_store.begun(Name(f"{ARCHITECTURE}_qkvb", TAG)) == []
    weights_store.discard_parts(NAME)
    assert weights_store.begun(NAME) == []
