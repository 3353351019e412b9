"""The package as pip installs it from the repository."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"neosegdino"}
    sources = {
        str(path.relative_to(REPOSITORY / "NeoSegDINO").as_posix())
        for path in (REPOSITORY / "NeoSegDINO" / "neosegdino").rglob("*.py")
    }
    assert sources <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "neosegdino/licence_texts/dinov3-license.md" in names


def test_bundle_of_the_wheel_is_found_and_whole(wheel: Path, environment: dict[str, str], tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    done = subprocess.run(
        [sys.executable, "-m", "neosegdino", "models", "verify", "neonatal-starter"],
        env=environment | {"PYTHONPATH": str(installed)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "neonatal-starter" in done.stdout
    assert "whole" in done.stdout
