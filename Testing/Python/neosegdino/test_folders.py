from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import neosegdino
import pytest
from neosegdino import folders
from neosegdino.errors import OutputError

KILLED = """
import os, signal, sys
sys.path.insert(0, {package!r})
from pathlib import Path
from neosegdino.folders import private_folder
with private_folder(Path({parent!r})) as folder:
    (folder / "half.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_private_folder_is_private_and_removed(tmp_path: Path) -> None:
    with folders.private_folder(tmp_path / "new") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x", encoding="utf-8")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(KeyError), folders.private_folder(tmp_path) as folder:
        raise KeyError
    assert not folder.exists()


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"), folders.private_folder(tmp_path / "file"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_leftover_of_a_killed_process_is_removed_and_others_stay(tmp_path: Path) -> None:
    package = str(Path(neosegdino.__file__).parents[1])
    code = KILLED.format(package=package, parent=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (leftover,) = tmp_path.iterdir()
    (tmp_path / "data").mkdir()
    (tmp_path / ".neosegdino-elsewhere-1-0123456789abcdef").mkdir()
    with folders.private_folder(tmp_path) as alive:
        assert folders.remove_leftovers(tmp_path) == [leftover]
        assert alive.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"data", ".neosegdino-elsewhere-1-0123456789abcdef"}


def test_no_folder_no_leftovers(tmp_path: Path) -> None:
    assert folders.remove_leftovers(tmp_path / "absent") == []


def test_move_into_place_replaces_whole_folders(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").touch()
    folders.move_into_place(tmp_path / "new", tmp_path / "old")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.txt")] == ["old/new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_failed_move_puts_the_old_folder_back(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "kept.txt").touch()
    with pytest.raises(OutputError):
        folders.move_into_place(tmp_path / "absent", tmp_path / "old")
    assert (tmp_path / "old" / "kept.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


REPLACING = """
import os, signal, sys
sys.path.insert(0, {package!r})
from pathlib import Path
from neosegdino import folders
Path.rename = lambda self, target, rename=Path.rename: (rename(self, target), os.kill(os.getpid(), signal.SIGKILL))
folders.move_into_place(Path({parent!r}) / "new", Path({parent!r}) / "kept")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_folder_that_a_killed_process_was_replacing_is_put_back(tmp_path: Path) -> None:
    for name in ("kept", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").touch()
    package = str(Path(neosegdino.__file__).parents[1])
    code = REPLACING.format(package=package, parent=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not (tmp_path / "kept").exists()
    folders.remove_leftovers(tmp_path)
    assert (tmp_path / "kept" / "kept.txt").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"kept", "new"}


def test_discarded_is_gone_whole(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").touch()
    folders.discard(tmp_path / "old")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError):
        folders.discard(tmp_path / "old")


@pytest.mark.skipif(os.name == "nt", reason="making links needs a right there")
def test_a_replaced_link_leaves_nothing_and_its_folder_stays(tmp_path: Path) -> None:
    for name in ("real", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    folders.move_into_place(tmp_path / "new", tmp_path / "link")
    assert (tmp_path / "link" / "new.txt").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"link", "real"}
    assert (tmp_path / "real" / "real.txt").exists()
