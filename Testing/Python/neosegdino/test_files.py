from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from neosegdino.errors import OutputError
from neosegdino.files import atomic_path, printable, resolved, save_tensors, sha256
from safetensors.torch import load_file


def test_the_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "result.nii.gz"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".nii.gz")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.nii.gz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_broken_off_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_failing_write_names_the_target_and_a_remedy(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    with pytest.raises(OutputError, match=r"x\.txt.*No space left") as caught, atomic_path(target):
        raise OSError(28, "No space left on device")
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"), atomic_path(tmp_path / "absent" / "x.txt"):
        pytest.fail("the block must not run")


def test_a_folder_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken"), atomic_path(tmp_path / "taken") as temporary:
        temporary.write_text("x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


def test_names_of_full_length_spaces_and_other_alphabets(tmp_path: Path) -> None:
    for name in ("é" * 120 + ".nii.gz", "Ünïcode näme with spaces.json", "海马 体.png", "no_suffix"):
        with atomic_path(tmp_path / name) as temporary:
            temporary.write_text("x")
        assert (tmp_path / name).read_text() == "x"


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits are POSIX")
def test_the_users_umask_rules_the_permissions(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "x") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_read_only_file_system_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses the removal of the temporary file too, even where there is none."""

    def refuse(self: Path, *_args: object, **_options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("write_text", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    expected = pytest.raises(OutputError, match=r"x\.json: Read-only file system")
    with expected as told, atomic_path(tmp_path / "x.json") as temporary:
        temporary.write_text("x")
    assert told.value.remedy


def test_tensors_come_back_whatever_their_layout(tmp_path: Path) -> None:
    tensors = {"turned": torch.arange(6.0).reshape(2, 3).T, "trained": torch.ones(2, requires_grad=True)}
    save_tensors(tensors, tmp_path / "x.safetensors")
    loaded = load_file(tmp_path / "x.safetensors")
    assert loaded.keys() == tensors.keys() and all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_tensors_on_a_full_disk_are_an_output_error(
    tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    expected = pytest.raises(OutputError, match=r"x\.safetensors.*File too large")
    with full_disk(), expected, atomic_path(tmp_path / "x.safetensors") as temporary:
        save_tensors({"large": torch.zeros(1 << 16)}, temporary)
    assert list(tmp_path.iterdir()) == []


def test_sha256(tmp_path: Path) -> None:
    content = b"abc" * 1_000_000
    (tmp_path / "x").write_bytes(content)
    assert sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()
    with pytest.raises(FileNotFoundError):
        sha256(tmp_path / "absent")


def test_printable_names_and_circles_of_links(tmp_path: Path) -> None:
    assert printable("säugling 日本") == "säugling 日本"
    assert printable(Path("s\udce4ugling")) == r"s\udce4ugling"
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert resolved(tmp_path / "circle") == resolved(tmp_path) / "circle"
