"""What the tab "Fine-tune" shows in the scene, and what happens when Slicer closes."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import qt
import slicer
from module_samples.leaks import gone
from module_samples.plots import CHART, SERIES, TABLE, nodes


class TestCurves:
    def test_curves_grow_in_place_and_are_there_once(self, ui, start, reached, fake_finetune, slicer_scene):
        start("works")
        assert nodes(TABLE) == []
        ui.showCurvesButton.click()
        (table,), (chart,) = nodes(TABLE), nodes(CHART)
        reached("finished")
        slicer_scene.wait_for(lambda: table.GetNumberOfRows() == 3)
        left = slicer.util.arrayFromTableColumn(table, "dice_left")
        np.testing.assert_allclose(left, [0.2, 0.4, 0.6])
        series = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
        assert [one.GetYColumnName() for one in series] == ["loss", "validation_loss", "dice_left", "dice_right"]
        assert {one.GetTableNode() for one in series} == {table}
        ui.showCurvesButton.click()
        assert [len(nodes(kind)) for kind in (TABLE, SERIES, CHART)] == [1, 4, 1]

    def test_the_chart_is_shown(self, ui, start):
        start("waits")
        ui.showCurvesButton.click()
        selection = slicer.app.applicationLogic().GetSelectionNode()
        assert selection.GetActivePlotChartID() == nodes(CHART)[0].GetID()

    def test_a_resumed_run_has_no_second_curves(self, ui, start, reached, fake_finetune, slicer_scene):
        start("waits")
        ui.showCurvesButton.click()
        ui.pauseButton.click()
        reached("paused")
        fake_finetune("works")
        ui.resumeButton.click()
        reached("finished")
        (table,) = nodes(TABLE)
        assert table.GetNumberOfRows() == 3

    def test_removed_curves_do_not_come_back_by_themselves(self, ui, start, reached):
        start("works")
        ui.showCurvesButton.click()
        slicer.mrmlScene.RemoveNode(nodes(TABLE)[0])
        reached("finished")
        assert nodes(TABLE) == []


class TestLook:
    def look(self):
        found = [node for node in nodes("vtkMRMLSegmentationNode") if node.GetName() == "Fine-tuning look"]
        return found[0] if found else None

    def voxels(self, node) -> list[int]:
        volume = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        segmentation = node.GetSegmentation()
        identifiers = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
        return [int(slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume).sum()) for name in identifiers]

    def test_nothing_is_shown_unless_asked_for(self, ui, start):
        before = None
        start("works", "finished")
        assert self.look() is before

    def test_the_look_follows_the_epochs_in_place(self, ui, start, slicer_scene):
        ui.showLookCheckBox.checked = True
        start("works")
        slicer_scene.wait_for(self.look)
        node = self.look()
        slicer_scene.wait_for(lambda: self.voxels(node) == [3, 3])
        assert len(nodes("vtkMRMLSegmentationNode")) == 1
        assert len([n for n in nodes("vtkMRMLScalarVolumeNode") if n.GetName() == "Fine-tuning look"]) == 1
        volume = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Fine-tuning look")
        logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
        assert logic.GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
        left = node.GetSegmentation().GetNthSegment(0)
        assert left.GetName() == "Left hippocampus"
        assert node.GetSegmentCenterRAS(node.GetSegmentation().GetNthSegmentID(0))[0] == pytest.approx(-12, abs=1)

    def test_the_look_can_be_asked_for_later(self, ui, start, slicer_scene):
        start("works", "finished")
        ui.showLookCheckBox.click()
        slicer_scene.wait_for(self.look)


class TestClosing:
    """What the main window's stand-in can show: that the close event is held back or not."""

    def test_without_a_run_nobody_asks(self, ui, slicer_scene):
        assert slicer_scene.window.close()
        assert slicer_scene.dialogs.shown == []

    def test_not_closing(self, start, slicer_scene, tab):
        start("waits")
        slicer_scene.dialogs.answer("Cancel")
        assert not slicer_scene.window.close()
        assert "at work" in slicer_scene.dialogs.shown[-1].text
        assert tab.run.state == "training"

    def test_keeping_it_running(self, start, slicer_scene, tab):
        start("waits")
        slicer_scene.dialogs.answer("Yes")
        assert slicer_scene.window.close()
        assert tab.run.state == "training"
        assert not tab.run.files.request_file.exists()

    def test_pausing(self, start, slicer_scene, tab, reached):
        start("waits")
        slicer_scene.dialogs.answer("No")
        assert slicer_scene.window.close()
        reached("paused")

    def test_an_ended_run_is_not_asked_about(self, start, slicer_scene):
        start("works", "finished")
        assert slicer_scene.window.close()

    def test_a_worker_that_died_a_moment_ago_is_not_asked_about(self, start, slicer_scene, tab):
        start("waits")
        os.kill(tab.run.status.pid, signal.SIGKILL)
        slicer_scene.wait_for(lambda: gone(tab.run.status.pid))
        assert slicer_scene.window.close()

    def test_the_panel_is_gone(self, start, module, slicer_scene):
        start("waits")
        module.unload()
        assert slicer_scene.window.close()


def test_event_filter_needs_qts_own_manners():
    """The filter is a QObject, as in Slicer's own modules."""
    from NeoSegDINOLib.close_guard import CloseFilter

    assert issubclass(CloseFilter, qt.QObject)
