"""The tests of this folder import Slicer's modules, so that the rig is booted before they are collected."""

from __future__ import annotations

import pytest
import rig

rig.boot()
pytest.register_assert_rewrite("any_order")

from finetune_fixtures import (  # noqa: E402
    add_files,  # noqa: F401
    checked,  # noqa: F401
    folder,  # noqa: F401
    reached,  # noqa: F401
    start,  # noqa: F401
    tab,  # noqa: F401
    ui,  # noqa: F401
)
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
