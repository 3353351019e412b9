"""Fixtures: a bundle that knows the phantom's truth, and what it makes of the phantom as it is."""

from __future__ import annotations

import pytest
from neosegdino.bundle import Bundle
from neosegdino.segment import Segmentation, segment
from oracle_bundle import make_oracle_bundle, make_view, volume_on


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_oracle_bundle(tmp_path_factory.mktemp("models") / "oracle")


@pytest.fixture(scope="module")
def straight(oracle: Bundle) -> Segmentation:
    return segment(volume_on(make_view()), oracle)
