from __future__ import annotations

import pytest
from neosegdino.bundle import Bundle, load_bundle
from tiny_bundle import make_tiny_bundle


@pytest.fixture(autouse=True, scope="module")
def small_networks_on(one_thread: None) -> None:
    """All networks and images of these tests are small."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small bundle to start from; not to be changed."""
    return load_bundle(make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))
