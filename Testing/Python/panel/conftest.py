"""The tests of this folder import Slicer's modules, so that the rig is booted before they are collected."""

from __future__ import annotations

import rig

rig.boot()

from module_samples.fixtures import fake_worker, jobs, models, real_worker, tiny_models  # noqa: E402, F401
