"""What the user gets after a run, with real clicks, a real scene and real files."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import slicer
from module_samples.segment_points import mask_of
from module_samples.volumes import add_volume
from NeoSegDINOLib import uncertainty

VOLUME = "vtkMRMLScalarVolumeNode"


@pytest.fixture
def run(fake_worker, ui, module_widget, slicer_scene):
    """Click and wait for the end; returns the result."""

    def click():
        fake_worker("result")
        ui.segmentButton.click()
        slicer_scene.wait_for(lambda: module_widget.segmentTab.run is None)
        assert ui.messageFrame.isHidden(), ui.messageLabel.text
        return ui.outputSelector.currentNode()

    return click


@pytest.fixture
def result(run):
    add_volume()
    return run()


def cells(ui):
    table = ui.resultTable
    return [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount)]


def erase_half_of_the_left(node):
    volume = slicer.util.getNode("T2w")
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, "Left_hippocampus", volume)
    mask[:, : mask.shape[1] // 2] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "Left_hippocampus", volume)


class TestAge:
    def test_not_given_it_is_nowhere(self, ui, result):
        assert ui.ageSpinBox.text == "not given"
        assert ui.publishedLabel.isHidden()
        assert ui.resultTable.isColumnHidden(3)

    def test_published_volumes_stand_beside_the_measured_ones(self, ui, run):
        add_volume()
        ui.ageSpinBox.value = 36
        run()
        assert not ui.resultTable.isColumnHidden(3)
        assert [row[3] for row in cells(ui)] == ["1.13 ml", "1.22 ml", ""]
        assert "not a reference range" in ui.publishedLabel.text

    def test_of_an_age_that_nothing_is_published_for_none_are_shown(self, ui, run):
        add_volume()
        ui.ageSpinBox.value = 50
        run()
        assert ui.resultTable.isColumnHidden(3)
        assert ui.publishedLabel.isHidden()

    def test_an_age_that_cannot_be_is_refused_with_a_remedy(self, ui, fake_worker, module_widget):
        fake_worker("result")
        add_volume()
        ui.ageSpinBox.value = 3
        ui.segmentButton.click()
        assert module_widget.segmentTab.run is None
        assert "3 weeks cannot be" in ui.messageLabel.text
        assert "mother's last period" in ui.messageLabel.text

    def test_kept_with_the_scene(self, ui, module_widget, tmp_path):
        add_volume()
        ui.ageSpinBox.value = 38.5
        path = str(tmp_path / "scene.mrb")
        assert slicer.util.saveScene(path)
        slicer.mrmlScene.Clear(0)
        assert ui.ageSpinBox.value == 0
        slicer.util.loadScene(path)
        module_widget.enter()
        assert ui.ageSpinBox.value == 38.5

    def test_it_is_that_of_one_newborn(self, ui):
        first, second = add_volume("first"), add_volume("second")
        ui.inputSelector.setCurrentNode(first)
        ui.ageSpinBox.value = 38
        ui.inputSelector.setCurrentNode(second)
        assert ui.ageSpinBox.value == 0

    def test_another_module_and_back_does_not_forget_it(self, ui, module):
        add_volume()
        ui.ageSpinBox.value = 38
        module.widgetRepresentation().exit()
        module.widgetRepresentation().enter()
        assert ui.ageSpinBox.value == 38


class TestUncertainty:
    def test_shown_and_hidden_with_one_box(self, ui, result):
        assert not ui.uncertaintyCheckBox.checked
        assert len(slicer.util.getNodesByClass(VOLUME)) == 1
        ui.uncertaintyCheckBox.click()
        (shown,) = [node for node in slicer.util.getNodesByClass(VOLUME) if node.GetName() != "T2w"]
        assert slicer.util.arrayFromVolume(shown).max() == pytest.approx(0.4, abs=1e-3)
        ui.uncertaintyCheckBox.click()
        assert [node.GetName() for node in slicer.util.getNodesByClass(VOLUME)] == ["T2w"]

    def test_a_cancelled_run_leaves_what_is_shown_alone(self, ui, result, fake_worker, module_widget, slicer_scene):
        ui.uncertaintyCheckBox.click()
        shown = result.GetNodeReference(uncertainty.ROLE)
        pids = fake_worker("hang")
        slicer_scene.dialogs.answer("Yes")
        ui.segmentButton.click()
        slicer_scene.wait_for(lambda: pids.exists() and len(pids.read_text().split()) >= 3)
        ui.cancelButton.click()
        assert result.GetNodeReference(uncertainty.ROLE) is shown
        assert len(slicer.util.getNodesByClass(VOLUME)) == 2

    def test_a_first_run_that_is_cancelled_leaves_none(self, ui, fake_worker, slicer_scene):
        add_volume()
        pids = fake_worker("hang")
        ui.segmentButton.click()
        slicer_scene.wait_for(lambda: pids.exists() and len(pids.read_text().split()) >= 3)
        ui.cancelButton.click()
        assert len(slicer.util.getNodesByClass(VOLUME)) == 1

    def test_another_result_takes_it_from_the_slices(self, ui, result):
        ui.uncertaintyCheckBox.click()
        ui.outputSelector.setCurrentNode(None)
        assert [node.GetName() for node in slicer.util.getNodesByClass(VOLUME)] == ["T2w"]
        ui.outputSelector.setCurrentNode(result)
        assert not ui.uncertaintyCheckBox.checked
        assert ui.uncertaintyCheckBox.enabled

    def test_of_a_result_that_was_removed_meanwhile_nothing_stays(self, ui, result, module):
        ui.uncertaintyCheckBox.click()
        module.widgetRepresentation().exit()
        slicer.mrmlScene.RemoveNode(result)
        module.widgetRepresentation().enter()
        assert [node.GetName() for node in slicer.util.getNodesByClass(VOLUME)] == ["T2w"]

    def test_after_loading_the_box_says_what_is_there(self, ui, result, module_widget, tmp_path):
        paths = {shown: str(tmp_path / f"{shown}.mrb") for shown in (False, True)}
        assert slicer.util.saveScene(paths[False])
        ui.uncertaintyCheckBox.click()
        assert slicer.util.saveScene(paths[True])
        for shown, path in paths.items():
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(path)
            module_widget.enter()
            assert ui.uncertaintyCheckBox.checked is shown
            assert ui.uncertaintyCheckBox.enabled is shown
        assert "Segment again" not in ui.uncertaintyCheckBox.toolTip


class TestViews:
    def test_after_a_run_the_views_pass_through_the_hippocampi(self, result):
        self.check(result)

    def test_show_brings_them_back(self, ui, result):
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 50.0, 60.0, 70.0)
        ui.showButton.click()
        self.check(result)

    def test_with_another_module_open_they_are_left_alone(self, ui, fake_worker, module, module_widget, slicer_scene):
        add_volume()
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 50.0, 60.0, 70.0)
        fake_worker("slow")
        ui.segmentButton.click()
        tab = module_widget.segmentTab
        module.widgetRepresentation().exit()
        slicer_scene.wait_for(lambda: tab.run is None)
        assert slicer.util.getNode("vtkMRMLSliceNodeRed").GetSliceOffset() == 70

    @staticmethod
    def check(node):
        middle = np.mean(
            [node.GetSegmentCenterRAS(segment) for segment in node.GetSegmentation().GetSegmentIDs()], axis=0
        )
        red = slicer.util.getNode("vtkMRMLSliceNodeRed")
        assert red.GetSliceOffset() == pytest.approx(middle[2], abs=0.6)
        place = slicer.util.arrayFromVTKMatrix(red.GetSliceToRAS())[:3, 3]
        np.testing.assert_allclose(place, middle, atol=0.6)


class TestEdit:
    def test_the_segment_editor_opens_on_the_result(self, ui, module, result):
        ui.editButton.click()
        assert slicer.util.selectedModule() == "SegmentEditor"
        assert not module.widgetRepresentation().isEntered
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        assert editor.segmentationNode() is result
        assert editor.sourceVolumeNode() is slicer.util.getNode("T2w")

    def test_back_from_editing_the_figures_are_those_of_the_segments(self, ui, result):
        before = cells(ui)
        ui.editButton.click()
        erase_half_of_the_left(result)
        slicer.util.selectModule("NeoSegDINO")
        after = cells(ui)
        count = mask_of_left(result).sum()
        assert after[0][1] == f"{count * 0.8 * 0.9 * 1.1 / 1000:.2f} ml" != before[0][1]
        assert after[1][1] == before[1][1]
        assert after[0][2] == "none"
        assert "edited after the run" in ui.warningsLabel.text
        assert "[edited]" in ui.warningsLabel.text

    def test_an_edit_beside_the_open_panel_is_seen(self, ui, result, slicer_scene):
        before = cells(ui)
        erase_half_of_the_left(result)
        slicer_scene.wait_for(lambda: cells(ui)[0][1] != before[0][1], seconds=5)
        assert "[edited]" in ui.warningsLabel.text

    def test_a_new_run_in_place_is_not_edited(self, ui, result, run, slicer_scene):
        erase_half_of_the_left(result)
        slicer_scene.dialogs.answer("Yes")
        assert run() is result
        assert "[edited]" not in ui.warningsLabel.text


class TestFiles:
    @pytest.mark.parametrize(("name", "starts"), [("page.pdf", b"%PDF-"), ("page.html", b"<!DOCTYPE html>")])
    def test_the_page_is_written_where_the_user_wants_it(self, ui, result, slicer_scene, tmp_path, name, starts):
        path = tmp_path / name
        slicer_scene.dialogs.answer(str(path))
        ui.pageButton.click()
        assert not ui.pageButton.enabled
        slicer_scene.wait_for(lambda: ui.pageButton.enabled)
        assert ui.messageLabel.text == f"Saved: {path}"
        assert path.read_bytes().startswith(starts)

    def test_the_page_shows_what_the_segments_are_now(self, ui, result, slicer_scene, tmp_path):
        erase_half_of_the_left(result)
        slicer_scene.wait_for(lambda: "[edited]" in ui.warningsLabel.text, seconds=5)
        path = tmp_path / "page.html"
        slicer_scene.dialogs.answer(str(path))
        ui.pageButton.click()
        slicer_scene.wait_for(lambda: ui.pageButton.enabled)
        text = path.read_text(encoding="utf-8")
        assert cells(ui)[0][1] in text
        assert "edited after the run" in text

    def test_another_ending_is_refused(self, ui, result, slicer_scene, tmp_path):
        slicer_scene.dialogs.answer(str(tmp_path / "page.doc"))
        ui.pageButton.click()
        slicer_scene.wait_for(lambda: ui.pageButton.enabled)
        assert "must end in .html or .pdf" in ui.messageLabel.text
        assert list(tmp_path.glob("page*")) == []

    def test_packages_are_asked_for_first(self, ui, result, slicer_scene, tmp_path, monkeypatch):
        from NeoSegDINOLib import install

        monkeypatch.setattr(install, "is_satisfied", lambda requirement: requirement.name != "reportlab")
        slicer_scene.dialogs.answer(str(tmp_path / "page.pdf"), "Cancel")
        ui.pageButton.click()
        assert "Nothing was installed" in ui.messageLabel.text
        assert ui.pageButton.enabled
        assert list(tmp_path.glob("page*")) == []

    def test_without_its_volume_there_is_no_page(self, ui, result, slicer_scene, tmp_path):
        slicer.mrmlScene.RemoveNode(slicer.util.getNode("T2w"))
        slicer_scene.dialogs.answer(str(tmp_path / "page.pdf"))
        ui.pageButton.click()
        assert "is not in the scene any more" in ui.messageLabel.text

    @pytest.mark.parametrize("button", ["pageButton", "saveTableButton"])
    def test_no_file_chosen_nothing_happens(self, ui, result, slicer_scene, button):
        slicer_scene.dialogs.answer("")
        getattr(ui, button).click()
        assert ui.messageFrame.isHidden()

    def test_the_table_as_csv(self, ui, result, slicer_scene, tmp_path):
        path = tmp_path / "table.csv"
        slicer_scene.dialogs.answer(str(path))
        ui.saveTableButton.click()
        assert ui.messageLabel.text == f"Saved: {path}"
        with path.open(newline="", encoding="utf-8") as stream:
            (row,) = csv.DictReader(stream)
        assert row["input"] == "T2w"
        assert f"{float(row['left_mm3']) / 1000:.2f} ml" == cells(ui)[0][1]
        assert row["flags"] == "asymmetry-range"

    def test_a_table_that_cannot_be_written_says_so(self, ui, result, slicer_scene, tmp_path):
        slicer_scene.dialogs.answer(str(tmp_path / "nowhere" / "table.csv"))
        ui.saveTableButton.click()
        assert "does not exist" in ui.messageLabel.text

    def test_the_table_on_the_clipboard(self, ui, result):
        ui.copyTableButton.click()
        head, line = slicer.app.clipboard().text().splitlines()
        row = dict(zip(head.split("\t"), line.split("\t"), strict=True))
        assert row["method"] == "neosegdino"
        assert ui.copyTableButton.text == "Copied"


def mask_of_left(node):
    from module_samples.classes import LEFT

    return mask_of(node, LEFT, slicer.util.getNode("T2w"))
