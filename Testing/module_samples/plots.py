"""Nodes of a scene that a chart is made of."""

from __future__ import annotations

from typing import Any

import slicer

TABLE = "vtkMRMLTableNode"
SERIES = "vtkMRMLPlotSeriesNode"
CHART = "vtkMRMLPlotChartNode"


def nodes(kind: str) -> list[Any]:
    """Nodes of a class, the oldest first."""
    return list(slicer.util.getNodesByClass(kind))
