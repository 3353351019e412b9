"""Stand-in for the module SampleData: registered data sets are recorded."""
# ruff: noqa: N802, N803 (the names are Slicer's)

from __future__ import annotations

import sys
import types
from typing import Any

sources: list[dict[str, Any]] = []
categories: list[str] = []


class SampleDataLogic:
    """Registration of data sets."""

    @staticmethod
    def registerCustomSampleDataSource(category: str = "Custom", sampleName: str | None = None, **options: Any) -> None:
        sources.append({"category": category, "sampleName": sampleName, **options})

    @staticmethod
    def registerCustomSampleDataCategory(category: str, **_options: Any) -> None:
        categories.append(category)


def install() -> None:
    """Make ``import SampleData`` work."""
    module: Any = types.ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic
    sys.modules["SampleData"] = module


def reset() -> None:
    """Forget registered data sets."""
    sources.clear()
    categories.clear()
