from __future__ import annotations

import pytest
from fake_heads import fake_maps
from neosegdino.synthesis.label_maps import LabelMaps


@pytest.fixture(scope="session")
def label_maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    """Two small heads, through their files."""
    return fake_maps(tmp_path_factory.mktemp("heads"))


@pytest.fixture(autouse=True, scope="module")
def small_images_on(one_thread: None) -> None:
    """All images of these tests are small."""
