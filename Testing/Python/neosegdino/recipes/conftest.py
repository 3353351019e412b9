from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def small_networks_on(one_thread: None) -> None:
    """All networks and images of these tests are small."""
