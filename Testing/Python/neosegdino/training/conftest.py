from __future__ import annotations

from pathlib import Path

import pytest
import small_recipe as recipe
from fake_heads import fake_maps
from neosegdino.bundle import Bundle, load_bundle
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import starter
from neosegdino.training.recipe import STAGES
from tiny_bundle import make_tiny_bundle


@pytest.fixture(autouse=True, scope="module")
def small_networks_on(one_thread: None) -> None:
    """All networks and images of these tests are small."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small bundle to start from; not to be changed."""
    return load_bundle(make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))


@pytest.fixture
def small_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe of the starter, small."""
    recipe.shrink(monkeypatch)


@pytest.fixture(scope="session")
def maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    """Three heads; not to be changed."""
    return fake_maps(tmp_path_factory.mktemp("heads"), 3)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def weights(trained: Path, maps: LabelMaps, small_recipe: None) -> Path:
    """Folder with the weights of all stages of the small recipe and their average, made once; not to be changed."""
    for stage in STAGES:
        if not (trained / f"{stage}.safetensors").exists():
            assert recipe.train(stage, maps, trained)
    if not (trained / "decoder.safetensors").exists():
        starter.average(trained)
    return trained
