"""The tests of this folder import Slicer's modules, so that the rig is booted before they are collected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import rig

rig.boot()
pytest.register_assert_rewrite("any_order")

from module_samples.fixtures import (  # noqa: E402
    fake_finetune,  # noqa: F401
    fake_pip,  # noqa: F401
    fake_worker,  # noqa: F401
    jobs,  # noqa: F401
    lacking,  # noqa: F401
    models,  # noqa: F401
    real_worker,  # noqa: F401
    runs,  # noqa: F401
    tiny_models,  # noqa: F401
)

if TYPE_CHECKING:
    from NeoSegDINOLib.segment_tab import SegmentTab
    from rig.session import Session


@pytest.fixture
def ui(models: Path, jobs: Path, module_widget: Any) -> Any:  # noqa: F811
    """Widgets of the open panel, by name; in the tab "Segment" unless a test chooses another."""
    return module_widget.ui


@pytest.fixture
def tab(ui: Any, module_widget: Any) -> SegmentTab:
    """The tab "Segment"."""
    return module_widget.segmentTab


@pytest.fixture
def finish(slicer_scene: Session, tab: SegmentTab) -> Callable[[], None]:
    """Wait until nothing is at work."""
    return lambda: slicer_scene.wait_for(lambda: tab.run is None)
