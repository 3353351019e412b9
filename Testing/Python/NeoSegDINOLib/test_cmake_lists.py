"""What is not listed in CMake is missing from the installed extension."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
MODULE = REPOSITORY / "NeoSegDINO"


def listed(name: str) -> list[str]:
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(rf"set\({name}\n(.*?)\n\s*\)", text, re.DOTALL)
    assert found, name
    return [line.strip() for line in found[1].splitlines()]


def in_the_folder() -> set[str]:
    """Files that git knows or would take; all files where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."]
    done = subprocess.run(command, cwd=MODULE, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        names = done.stdout.splitlines()
    else:
        names = [path.relative_to(MODULE).as_posix() for path in MODULE.rglob("*") if path.is_file()]
    present = {name for name in names if (MODULE / name).is_file() and "__pycache__" not in name}
    return present - {"CMakeLists.txt"}


def test_every_file_is_listed_and_every_listed_file_is_there():
    scripts, resources = listed("MODULE_PYTHON_SCRIPTS"), listed("MODULE_PYTHON_RESOURCES")
    assert {name for name in in_the_folder() if name.endswith(".py")} == set(scripts)
    assert {name for name in in_the_folder() if not name.endswith(".py")} == set(resources)


@pytest.mark.parametrize("name", ["MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"])
def test_nothing_is_listed_twice(name):
    assert len(listed(name)) == len(set(listed(name)))


@pytest.mark.parametrize("what", ["HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"])
def test_extension_describes_itself(what):
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(rf'set\(EXTENSION_{what} "(.+)"\)', text)
    assert found, what
    for url in re.findall(r"https://raw.githubusercontent.com/\S+?/main/(\S+)", found[1]):
        assert (REPOSITORY / url).is_file(), url


def test_torch_comes_with_the_pytorch_extension():
    assert 'set(EXTENSION_DEPENDS "PyTorch")' in (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
