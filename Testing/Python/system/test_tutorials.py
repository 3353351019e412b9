"""What the tutorials tell a reader to type: commands and options exist, and the snippets run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from neosegdino.cli import main

REPOSITORY = Path(__file__).resolve().parents[3]
TUTORIALS = REPOSITORY / "Resources" / "Tutorials"
SAMPLE = REPOSITORY / "NeoSegDINO" / "Resources" / "SampleData" / "SyntheticNewborn-T2w.nii.gz"
PAGES = [REPOSITORY / "README.md", *sorted(TUTORIALS.glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of a page; commands stand in blocks of no language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


def commands(page: Path) -> list[str]:
    """Calls of ``neosegdino`` in a page's blocks and between its backticks."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks(page, "") for line in block.splitlines()]
    found = [line for line in [*lines, *re.findall(r"`([^`]+)`", text)] if "neosegdino " in line]
    return [line.split("neosegdino ", 1)[1] for line in found if re.match(r"neosegdino |.*-m neosegdino ", line)]


def refused(line: str) -> str | None:
    """Name the first word of a call that the command line does not know."""
    words = shlex.split(line, comments=True)
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        if name.startswith("-"):
            return None if name == "--help" else name
        if name not in command.commands:
            return name
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return next((word for word in words if word.startswith("--") and word not in known), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_of_a_page_exist(page: Path) -> None:
    assert [(line, refused(line)) for line in commands(page) if refused(line) is not None] == []


def test_commands_are_found_and_wrong_ones_refused() -> None:
    assert len(commands(TUTORIALS / "cohort.md")) >= 3
    assert refused("segments x.nii") == "segments"
    assert refused("models lst") == "lst"
    assert refused("segment x.nii --output y") == "--output"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_of_a_page_are_there_and_have_a_text(page: Path) -> None:
    for text, link in re.findall(r"!\[(.*?)\]\((.+?)\)", page.read_text(encoding="utf-8")):
        assert len(text) > 20
        assert (page.parent / link).is_file()


@pytest.mark.slow
def test_the_cohort_is_segmented_and_put_into_one_table(environment: dict[str, str], tmp_path: Path) -> None:
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    (tmp_path / "scans").mkdir()
    shutil.copy(SAMPLE, tmp_path / "scans" / "newborn.nii.gz")
    for block in blocks(TUTORIALS / "cohort.md", ""):
        done = subprocess.run(
            block, shell=True, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    page = (TUTORIALS / "cohort.md").read_text(encoding="utf-8")
    promised = {name.replace("<name>", "newborn") for name in re.findall(r"^\| `(<name>.+?)`", page, re.MULTILINE)}
    assert {path.name for path in (tmp_path / "results").iterdir()} == promised
    assert len((tmp_path / "cohort.csv").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.slow
def test_the_console_page_runs_from_top_to_bottom(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # the shipped model alone
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    import slicer

    names: dict[str, object] = {}
    for block in blocks(TUTORIALS / "console.md", "python"):
        exec(compile(block, "console.md", "exec"), names)
    said = capsys.readouterr().out
    assert re.search(r"left \d\.\d\d ml \d\d%", said)
    assert "Cancelled. Nothing was changed." in said
    assert "'Empty'" in said
    assert re.search(r"[1-9]\d* voxels of \(\d+, \d+, \d+\)", said)
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 1
