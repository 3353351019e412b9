from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bundle_samples import NAME, make_bundle
from click.testing import CliRunner, Result
from neosegdino.cli import main
from neosegdino.training.feature_cache import FeatureCache


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["features", *arguments])


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    cache = FeatureCache(tmp_path / "features", 1 << 30)
    for digit in "ab":
        cache.put(digit * 64, {"0": torch.zeros(1 << 19)})
    return tmp_path / "features"


def test_show(cached: Path) -> None:
    result = run("show", str(cached))
    assert result.exit_code == 0
    assert result.stdout == f"{cached}: 2 files, 4.0 MiB\n"
    assert len(list(cached.iterdir())) == 2


def test_clear(cached: Path) -> None:
    (cached / "notes.txt").write_text("mine", encoding="utf-8")
    result = run("clear", str(cached))
    assert result.exit_code == 0
    assert result.stdout == f"{cached}: 2 files removed, 4.0 MiB freed\n"
    assert [path.name for path in cached.iterdir()] == ["notes.txt"]
    assert run("show", str(cached)).stdout == f"{cached}: 0 files, 0.0 MiB\n"


@pytest.mark.parametrize("action", ["show", "clear"])
def test_weights_are_not_features(tmp_path: Path, action: str) -> None:
    bundle = make_bundle(tmp_path / NAME).folder
    before = sorted(path.name for path in bundle.iterdir())
    result = run(action, str(bundle))
    assert result.exit_code == 7
    assert "other files than cached features" in result.stderr
    assert sorted(path.name for path in bundle.iterdir()) == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert run("clear", str(tmp_path / "absent")).exit_code == 2
