from __future__ import annotations

import pytest
from fake_heads import fake_maps, head_labels, write_map
from neosegdino.synthesis.label_maps import LabelMaps, load_label_maps
from neosegdino.synthesis.newborn import MATURITIES


@pytest.fixture(scope="session")
def label_maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    """Two small heads, through their files."""
    return fake_maps(tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="session")
def rimmed_maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    """A small head whose hippocampi have rims."""
    folder = tmp_path_factory.mktemp("rimmed")
    write_map(folder / "head.nii.gz", head_labels())
    return load_label_maps(folder, maturities=MATURITIES[:1])


@pytest.fixture(autouse=True, scope="module")
def small_images_on(one_thread: None) -> None:
    """All images of these tests are small."""
