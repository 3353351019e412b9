from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from NeoSegDINOLib.job_folder import PREFIX, file_stem, make_job_folder


def dead_process() -> int:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    return finished.pid


def test_private_and_removed(jobs):
    with make_job_folder() as folder:
        assert Path(folder).stat().st_mode & 0o077 == 0
    assert list(jobs.iterdir()) == []


def test_folders_of_dead_processes_are_removed_and_no_others(jobs):
    orphan = jobs / f"{PREFIX}{dead_process()}-abc"
    mine = jobs / f"{PREFIX}{os.getpid()}-abc"
    strangers = [jobs / f"{PREFIX}today-abc", jobs / "neosegdino", jobs / f"{PREFIX}"]
    strangers.append(jobs / f"neosegdino-job-anothercomputer-{dead_process()}-abc")
    for folder in (orphan, mine, *strangers):
        folder.mkdir()
        (folder / "image.nii").touch()
    with make_job_folder():
        assert not orphan.exists()
        assert mine.exists()
        assert all(folder.exists() for folder in strangers)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("T2w brain", "T2w_brain"),
        ("../../etc/passwd", "etc_passwd"),
        ("\u00e9t\u00e9", "t"),
        ("\U0001f9e0", "volume"),
        ("", "volume"),
        ("x" * 300, "x" * 60),
        ("-rf", "-rf"),
    ],
)
def test_file_stem(name, stem):
    assert file_stem(name) == stem
