"""Loss and Dice of a run as Slicer's own table, plot series and chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.run_nodes import find_node, mark_node

if TYPE_CHECKING:
    from neosegdino.training.run_folder import CurvePoint

COLUMNS = ("epoch", "loss", "validation_loss", "dice_left", "dice_right")
_ROOM = 1.35
"""Height of the chart over the highest value, so that the legend hides no curve."""


@dataclass(frozen=True)
class _Series:
    column: str
    title: str
    color: tuple[float, float, float]


def _series() -> list[_Series]:
    return [
        _Series("loss", _("Training loss"), (0.45, 0.45, 0.45)),
        _Series("validation_loss", _("Validation loss"), (0.8, 0.25, 0.2)),
        _Series("dice_left", _("Dice left"), (0.95, 0.45, 0.2)),
        _Series("dice_right", _("Dice right"), (0.15, 0.65, 0.95)),
    ]


class Curves:
    """Table and chart of one run in the scene.

    Nodes of the run that the scene holds already are filled in place, so that a resumed run or a scene that comes
    back has them once.

    Parameters
    ----------
    run : str
        The run's folder.
    """

    def __init__(self, run: str) -> None:
        self._run = run

    def show(self, points: Sequence[CurvePoint], model: str) -> None:
        """Put the curves into the scene, named after the model, and the chart into the views."""
        table = self._node("vtkMRMLTableNode", "table", _("{model} curves").format(model=model))
        self._fill(table, points)
        chart = self._chart(table, model)
        chart.YAxisRangeAutoOff()
        chart.SetYAxisRange(0.0, _ROOM * max([1.0, *(point.loss for point in points)]))
        slicer.modules.plots.logic().ShowChartInLayout(chart)

    def update(self, points: Sequence[CurvePoint]) -> None:
        """Fill the table in place; nothing happens where the user has not asked for it or has removed it."""
        table = self._find("vtkMRMLTableNode", "table")
        if table is not None and table.GetNumberOfRows() != len(points):
            self._fill(table, points)

    def _fill(self, table: Node, points: Sequence[CurvePoint]) -> None:
        columns = [np.array([_number(getattr(point, name)) for point in points], float) for name in COLUMNS]
        with slicer.util.NodeModify(table):
            slicer.util.updateTableFromArray(table, columns, list(COLUMNS))

    def _chart(self, table: Node, model: str) -> Node:
        chart = self._node("vtkMRMLPlotChartNode", "chart", _("{model}: loss and Dice").format(model=model))
        chart.SetTitle(chart.GetName())
        chart.SetXAxisTitle(_("Epoch"))
        chart.YAxisTitleVisibilityOff()
        for series in _series():
            node = self._node("vtkMRMLPlotSeriesNode", series.column, series.title)
            if node.GetTableNode() is not table:
                self._draw(node, table, series)
            if not chart.HasPlotSeriesNodeID(node.GetID()):
                chart.AddAndObservePlotSeriesNodeID(node.GetID())
        return chart

    def _draw(self, node: Node, table: Node, series: _Series) -> None:
        node.SetAndObserveTableNodeID(table.GetID())
        node.SetXColumnName(COLUMNS[0])
        node.SetYColumnName(series.column)
        node.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        node.SetColor(*series.color)

    def _node(self, kind: str, role: str, name: str) -> Node:
        node = self._find(kind, role)
        if node is None:
            node = slicer.mrmlScene.AddNewNodeByClass(kind, name)
            mark_node(node, self._run, role)
        return node

    def _find(self, kind: str, role: str) -> Node:
        return find_node(kind, self._run, role)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
