from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[5] / "shared" / "data"


@pytest.fixture
def real_data() -> Path:
    """Folder of real images, where it lies beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the real images are not beside the checkout ({SHARED})")
    return SHARED
