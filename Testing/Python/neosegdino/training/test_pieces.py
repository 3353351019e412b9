"""A file in pieces and whole again, with real checkpoints and real damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from neosegdino.errors import TrainingError
from neosegdino.training import pieces
from neosegdino.training.checkpoint import read_checkpoint
from neosegdino.training.optimise import Schedule, optimise
from neosegdino.training.pieces import INDEX, join, split
from torch import Tensor, nn

STEPS = 6


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LARGEST", 1000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(range(256)) * 10)
    return path


@pytest.fixture
def folder(file: Path, tmp_path: Path) -> Path:
    split(file, tmp_path / "pieces")
    return tmp_path / "pieces"


def train(checkpoint: Path, steps: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    layer = nn.Linear(8, 8)

    def loss(_step: int) -> Tensor:
        return layer(torch.rand(4, 8)).square().mean()

    rates = Schedule(STEPS, 1e-2, warmup=2)
    limit = iter([0.0] * (steps + 1) + [9.0] * 9)

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return next(limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neosegdino.training.optimise.time", Clock)
        optimise(layer, loss, rates, checkpoint, lambda _line: None, limit_s=1.0)
    return layer.state_dict()


def test_pieces_are_small_and_make_the_file_again(file: Path, folder: Path, tmp_path: Path) -> None:
    sizes = [path.stat().st_size for path in sorted(folder.glob("*.piece"))]
    assert sizes == [1000, 1000, 560]
    index = join(folder, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == file.read_bytes()
    assert index.name == "file.bin"


def test_the_shipped_size_is_at_most_sixteen_megabytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    (tmp_path / "large").write_bytes(bytes(16_000_001))
    index = split(tmp_path / "large", tmp_path / "pieces")
    assert [entry.bytes for entry in index.pieces.values()] == [16_000_000, 1]


def test_an_empty_file_has_no_pieces(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    split(tmp_path / "empty", tmp_path / "pieces")
    join(tmp_path / "pieces", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b""


def test_a_run_goes_on_from_a_checkpoint_that_has_travelled(tmp_path: Path) -> None:
    """The same to the bit as an uninterrupted run: nothing was narrowed on the way."""
    whole = train(tmp_path / "whole.checkpoint", STEPS)
    train(tmp_path / "first.checkpoint", 3)
    split(tmp_path / "first.checkpoint", tmp_path / "pieces")
    assert len(list((tmp_path / "pieces").glob("*.piece"))) > 2
    shutil.copytree(tmp_path / "pieces", tmp_path / "elsewhere")
    join(tmp_path / "elsewhere", tmp_path / "second.checkpoint")
    state = read_checkpoint(tmp_path / "second.checkpoint", torch.device("cpu"))
    assert state is not None
    assert state["step"] == 3
    ended = train(tmp_path / "second.checkpoint", STEPS)
    assert all(torch.equal(ended[name], whole[name]) for name in whole)


def test_a_folder_that_is_there_is_not_written_into(file: Path, folder: Path) -> None:
    with pytest.raises(TrainingError, match="exists already"):
        split(file, folder)


def test_what_is_no_file_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none\.bin cannot be read"):
        split(tmp_path / "none.bin", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def remove(folder: Path) -> None:
    (folder / "0001.piece").unlink()


def flip(folder: Path) -> None:
    content = bytearray((folder / "0001.piece").read_bytes())
    content[500] ^= 1
    (folder / "0001.piece").write_bytes(content)


def cut(folder: Path) -> None:
    (folder / "0002.piece").write_bytes((folder / "0002.piece").read_bytes()[:-1])


def swap(folder: Path) -> None:
    (folder / "0000.piece").write_bytes((folder / "0002.piece").read_bytes())


def stray(folder: Path) -> None:
    (folder / "0003.piece").write_bytes(b"of another file")


def lose_index(folder: Path) -> None:
    (folder / INDEX).unlink()


def break_index(folder: Path) -> None:
    (folder / INDEX).write_text('{"name": "file.bin"}')


def lead_astray(folder: Path) -> None:
    text = (folder / INDEX).read_text()
    (folder / INDEX).write_text(text.replace("0000.piece", "../0000.piece"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove, r"The piece .*0001\.piece cannot be read"),
        (flip, r"The piece .*0001\.piece is damaged or of another file"),
        (cut, r"The piece .*0002\.piece is damaged or of another file"),
        (swap, r"The piece .*0000\.piece is damaged or of another file"),
        (stray, r"holds pieces of another file: 0003\.piece"),
        (lose_index, "is not a folder of pieces"),
        (break_index, r"index\.json is damaged"),
        (lead_astray, "is not the name of a piece"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_is_told_and_the_file_before_stays(
    damage: Callable[[Path], None], message: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "again.bin").write_bytes(b"before")
    damage(folder)
    with pytest.raises(TrainingError, match=message):
        join(folder, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == b"before"
    assert {path.name for path in tmp_path.iterdir()} == {"again.bin", "file.bin", "pieces"}


def test_an_index_that_names_another_whole_is_told(folder: Path, tmp_path: Path) -> None:
    text = (folder / INDEX).read_text()
    whole = pieces._read_index(folder).whole.sha256
    (folder / INDEX).write_text(text.replace(whole, "0" * 64))
    with pytest.raises(TrainingError, match="the pieces make another file"):
        join(folder, tmp_path / "again.bin")
    assert not (tmp_path / "again.bin").exists()
