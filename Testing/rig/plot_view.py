"""A plot view drawn without a display, from a chart node's own series and tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import vtk_to_numpy


def active_chart(scene: Any) -> Any:
    """Chart node that the plot views show, or None."""
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    identifier = None if selection is None else selection.GetActivePlotChartID()
    return scene.GetNodeByID(identifier) if identifier else None


def draw_chart(node: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw a chart node's lines; returns the picture, (height, width, 3), first row on top."""
    view = vtk.vtkContextView()
    view.GetRenderWindow().SetOffScreenRendering(1)
    view.GetRenderWindow().SetSize(*size)
    view.GetRenderer().SetBackground(1, 1, 1)
    chart = vtk.vtkChartXY()
    view.GetScene().AddItem(chart)
    chart.SetTitle(node.GetTitle() or "")
    chart.SetShowLegend(node.GetLegendVisibility())
    chart.GetAxis(vtk.vtkAxis.BOTTOM).SetTitle(node.GetXAxisTitle() or "")
    chart.GetAxis(vtk.vtkAxis.LEFT).SetTitle("")
    for index in range(node.GetNumberOfPlotSeriesNodes()):
        _add_line(chart, node.GetNthPlotSeriesNode(index))
    if not node.GetYAxisRangeAuto():
        axis = chart.GetAxis(vtk.vtkAxis.LEFT)
        axis.SetBehavior(vtk.vtkAxis.FIXED)
        axis.SetRange(*node.GetYAxisRange())
    view.GetRenderWindow().Render()
    return _pixels(view.GetRenderWindow())


def _add_line(chart: Any, series: Any) -> None:
    table = series.GetTableNode().GetTable()
    line = chart.AddPlot(vtk.vtkChart.LINE)
    line.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
    line.SetLabel(series.GetName())
    line.SetColorF(*series.GetColor())
    line.SetWidth(series.GetLineWidth())
    line.SetMarkerStyle(series.GetMarkerStyle())


def _pixels(window: Any) -> NDArray[np.uint8]:
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.Update()
    image = grabber.GetOutput()
    width, height, _ = image.GetDimensions()
    flat = vtk_to_numpy(image.GetPointData().GetScalars())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(flat.reshape(height, width, -1)[::-1, :, :3])
