from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import phantom
import pytest
from hub_fixtures import agreed, home, hub_server  # noqa: F401
from neosegdino.geometry import Grid
from neosegdino.volume import Volume
from oracle_fixtures import oracle, straight  # noqa: F401

FULL_BYTES = 100_000
INFANTS = Path(__file__).parents[4] / "shared" / "data" / "infant-images"


@pytest.fixture(scope="session")
def infant_images() -> list[Path]:
    """Paths of real images of infants, where that folder lies beside the checkout."""
    if not INFANTS.is_dir():
        pytest.skip(f"the real images are not beside the checkout ({INFANTS})")
    paths = sorted(INFANTS.glob("*.nii.gz"))
    assert paths, f"{INFANTS} holds no image"
    return paths


@pytest.fixture
def head_volume() -> Callable[[Grid], Volume]:
    """Return a maker of the phantom's float32 image on a grid."""

    def make(grid: Grid) -> Volume:
        return Volume(phantom.head(phantom.everywhere(grid)).astype(np.float32), grid.affine, "phantom")

    return make


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """Return what lets no file grow beyond some bytes, as a disk does that is nearly full."""
    resource = pytest.importorskip("resource", reason="limits of processes are POSIX")

    @contextmanager
    def full() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)

    return full


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For networks so small that sharing their work costs more than it saves."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
