"""Several volumes one after another, as a user does it in the tab "Segment"."""

from __future__ import annotations

import pytest
import slicer
from module_samples.fixtures import nothing_left
from module_samples.volumes import add_volume
from NeoSegDINOLib import install
from NeoSegDINOLib.pip_installation import PipInstallation
from NeoSegDINOLib.results import report_of


@pytest.fixture
def hanging(fake_worker, slicer_scene):
    """Use a worker that hangs, and wait until it does; returns the file of its process numbers."""
    pids = fake_worker("hang")

    def wait():
        slicer_scene.wait_for(lambda: pids.exists() and len(pids.read_text().split()) >= 3)
        return pids

    return wait


def states(ui) -> list[tuple[str, str]]:
    table = ui.queueTable
    return [tuple(table.item(row, column).text() for column in range(2)) for row in range(table.rowCount)]


def choose(ui, volume) -> None:
    ui.inputSelector.setCurrentNode(volume)


def segmentations() -> list:
    return slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def results() -> list[str]:
    return sorted(node.GetName() for node in segmentations())


def test_one_volume_needs_no_queue(ui, hanging):
    add_volume()
    assert ui.segmentAllButton.isHidden()
    ui.segmentButton.click()
    hanging()
    assert ui.queueWidget.isHidden()
    assert ui.segmentButton.text == "Segment Hippocampus"


def test_while_one_runs_the_click_adds_the_next(ui, tab, fake_worker, finish):
    fake_worker("slow")
    first, second = add_volume("first"), add_volume("second")
    choose(ui, first)
    ui.segmentButton.click()
    assert ui.stageLabel.text == "Starting"
    choose(ui, second)
    assert ui.segmentButton.enabled
    assert ui.segmentButton.text == "Add to Queue"
    ui.segmentButton.click()
    assert not ui.segmentButton.enabled
    assert ui.segmentButton.toolTip == "'second' waits in the queue."
    assert [name for name, _state in states(ui)] == ["first", "second"]
    assert states(ui)[1] == ("second", "waits")
    assert ui.stageLabel.text.startswith("first: ")
    finish()
    assert states(ui) == [("first", "done"), ("second", "done")]
    assert results() == ["first hippocampus", "second hippocampus"]
    assert ui.outputSelector.currentNode().GetName() == "second hippocampus"
    assert ui.resultTable.rowCount == 3


def test_all_volumes_that_have_no_result_with_one_click(ui, fake_worker, finish, slicer_scene):
    fake_worker("slow")
    for name in ("a", "b", "c"):
        add_volume(name)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    choose(ui, slicer.util.getNode("b"))
    ui.segmentButton.click()
    finish()
    assert not ui.segmentAllButton.isHidden()
    ui.segmentAllButton.click()
    assert ui.segmentAllButton.isHidden()
    assert [name for name, _state in states(ui)] == ["a", "c"]
    finish()
    assert results() == ["a hippocampus", "b hippocampus", "c hippocampus"]
    assert ui.outputSelector.currentNode().GetName() == "b hippocampus"


def test_volumes_that_are_refused_are_left_out_and_named(ui, tab, fake_worker, finish, slicer_scene):
    fake_worker("slow")
    for name in ("a", "b"):
        add_volume(name)
    add_volume("Localizer", shape=(5, 40, 50))
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing")
    ui.segmentAllButton.click()
    assert [name for name, _state in states(ui)] == ["a", "b"]
    told = "Left out: 'Localizer' has only 5 slices from bottom to top. 'nothing' holds no image."
    assert ui.messageLabel.text == told
    assert not ui.messageFrame.isHidden()
    finish()
    assert ui.messageLabel.text == told
    assert results() == ["a hippocampus", "b hippocampus"]
    assert slicer_scene.dialogs.shown == []


def test_one_that_is_left_beside_refused_ones_needs_no_queue(ui, models):
    choose(ui, add_volume("a"))
    for name in ("Localizer", "Survey"):
        add_volume(name, shape=(5, 40, 50))
    assert ui.segmentAllButton.isHidden()


def test_an_age_counts_for_the_chosen_volume_alone(ui, tab, fake_worker, finish):
    fake_worker("slow")
    choose(ui, add_volume("a"))
    add_volume("b")
    ui.ageSpinBox.value = 38.0
    ui.segmentAllButton.click()
    assert [entry.options["ageWeeks"] for entry in tab.queue.entries] == [38.0, None]
    finish()
    told = [report_of(node)["age"] for node in segmentations()]
    assert told[0]["weeks"] == 38.0
    assert told[1] is None


def test_what_the_panel_itself_has_put_into_the_scene_is_no_input(ui, tab, fake_worker, finish):
    fake_worker("result")
    add_volume("T2w")
    ui.segmentButton.click()
    finish()
    ui.uncertaintyCheckBox.click()
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2
    assert ui.segmentAllButton.isHidden()
    add_volume("T1w")
    assert ui.segmentAllButton.isHidden()
    add_volume("T1w again")
    ui.segmentAllButton.click()
    assert [entry.volume.GetName() for entry in tab.queue.entries] == ["T1w", "T1w again"]
    finish()


def test_a_failed_one_is_named_and_its_row_tells_it_again(ui, fake_worker, finish, slicer_scene):
    fake_worker("as_named")
    bad, good = add_volume("crash"), add_volume("slow")
    ui.segmentAllButton.click()
    slicer_scene.wait_for(lambda: states(ui)[0][1] == "failed")
    assert ui.messageLabel.text.startswith("crash: The worker process died with exit code 1")
    finish()
    assert states(ui) == [("crash", "failed"), ("slow", "done")]
    assert "bad day" in ui.queueTable.item(0, 0).toolTip()
    ui.queueTable.cellClicked.emit(1, 0)
    assert ui.inputSelector.currentNode() is good
    assert ui.outputSelector.currentNode().GetName() == "slow hippocampus"
    ui.queueTable.cellClicked.emit(0, 0)
    assert ui.inputSelector.currentNode() is bad
    assert ui.outputSelector.currentNode() is None
    ui.copyLogButton.click()
    assert "Traceback" in slicer.app.clipboard().text()


def test_remove_and_cancel(ui, tab, hanging, fake_worker, slicer_scene, finish, jobs):
    for name in ("a", "b", "c", "d"):
        add_volume(name)
    ui.segmentAllButton.click()
    pids = hanging()
    assert not ui.emptyQueueButton.isHidden()
    ui.queueTable.cellWidget(1, 2).click()
    slicer_scene.process_events()
    assert [name for name, _state in states(ui)] == ["a", "c", "d"]
    ui.queueTable.cellWidget(2, 2).click()
    slicer_scene.process_events()
    assert ui.emptyQueueButton.isHidden()
    fake_worker("slow")
    ui.cancelButton.click()
    assert states(ui)[0] == ("a", "cancelled")
    assert ui.messageLabel.text == "Cancelled. Nothing was changed."
    finish()
    assert states(ui) == [("a", "cancelled"), ("c", "done")]
    assert results() == ["c hippocampus"]
    assert nothing_left(pids, jobs)


def test_all_waiting_ones_are_removed_at_once(ui, tab, hanging):
    for name in ("a", "b", "c"):
        add_volume(name)
    ui.segmentAllButton.click()
    hanging()
    ui.emptyQueueButton.click()
    assert ui.queueWidget.isHidden()
    assert tab.run is not None
    assert not ui.segmentAllButton.isHidden()


def test_settings_are_those_of_the_click(ui, tab, hanging):
    first, second = add_volume("first"), add_volume("second")
    choose(ui, first)
    ui.segmentButton.click()
    hanging()
    choose(ui, second)
    ui.windowsComboBox.currentIndex = 1
    ui.segmentButton.click()
    ui.windowsComboBox.currentIndex = 0
    assert [entry.options["windows"] for entry in tab.queue.entries] == ["located", "all"]


def test_closing_the_scene_empties_the_queue(ui, tab, hanging, jobs):
    add_volume("a")
    add_volume("b")
    ui.segmentAllButton.click()
    pids = hanging()
    run = tab.run
    slicer.mrmlScene.Clear(0)
    assert tab.run is None
    assert ui.queueWidget.isHidden()
    assert run.join(5)
    assert nothing_left(pids, jobs)
    add_volume("next patient")
    assert ui.segmentButton.enabled
    assert ui.segmentButton.text == "Segment Hippocampus"


def test_removing_volumes_leaves_no_way_to_segment_them(ui, tab, hanging):
    nodes = [add_volume(name) for name in ("a", "b", "c")]
    ui.segmentAllButton.click()
    hanging()
    slicer.mrmlScene.RemoveNode(nodes[1])
    assert [name for name, _state in states(ui)] == ["a", "c"]
    slicer.mrmlScene.RemoveNode(nodes[2])
    assert ui.queueWidget.isHidden()


def test_the_module_goes_away_while_volumes_wait(ui, module, hanging, jobs):
    add_volume("a")
    add_volume("b")
    ui.segmentAllButton.click()
    pids = hanging()
    module.unload()
    assert nothing_left(pids, jobs)


class TestWhilePackagesAreInstalled:
    @pytest.fixture
    def installing(self, fake_pip, lacking, slicer_scene):
        """Click, and let something happen while pip works; afterwards all packages are there."""

        def click(ui, happens):
            fake_pip("works")
            gone = lacking("nibabel")
            slicer_scene.dialogs.answer("Ok")

            def watch(installation):
                PipInstallation.watchers.remove(watch)
                happens()
                gone.clear()

            PipInstallation.watchers.append(watch)
            ui.segmentButton.click()

        return click

    def test_a_second_volume_waits_and_the_first_is_at_work(self, ui, tab, fake_worker, installing, finish):
        fake_worker("slow")
        first, second = add_volume("first"), add_volume("second")
        choose(ui, first)
        seen = []

        def happens():
            seen.extend([ui.progressWidget.isHidden(), ui.segmentButton.enabled, ui.stageLabel.text])
            choose(ui, second)
            seen.append(ui.segmentButton.text)
            ui.segmentButton.click()
            seen.extend(states(ui))

        installing(ui, happens)
        assert seen == [False, False, "Starting", "Add to Queue", ("first", "starts"), ("second", "waits")]
        finish()
        assert states(ui) == [("first", "done"), ("second", "done")]
        assert results() == ["first hippocampus", "second hippocampus"]

    def test_a_scene_that_is_closed_stays_empty_and_the_panel_says_why(self, ui, tab, fake_worker, installing):
        fake_worker("slow")
        add_volume("T2w")
        installing(ui, lambda: slicer.mrmlScene.Clear(0))
        assert tab.queue.running is None
        assert ui.progressWidget.isHidden()
        assert ui.messageLabel.text == "'T2w' has left the scene. Nothing was changed."
        assert results() == []


def test_an_unexpected_error_is_told_and_the_volume_can_be_tried_again(ui, fake_worker, finish, monkeypatch):
    fake_worker("slow")
    add_volume("T2w")

    def refuse():
        raise MemoryError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(install, "ensure_packages", refuse)
        ui.segmentButton.click()
    assert "Unexpected: MemoryError('no room')." in ui.messageLabel.text
    assert not ui.messageFrame.isHidden()
    assert ui.segmentButton.enabled
    ui.segmentButton.click()
    finish()
    assert results() == ["T2w hippocampus"]


class TestResultOfTheChosenVolume:
    def test_another_volume_does_not_take_the_first_ones_result(self, ui, fake_worker, finish):
        fake_worker("slow")
        first = add_volume("first")
        ui.segmentButton.click()
        finish()
        second = add_volume("second")
        choose(ui, second)
        assert ui.outputSelector.currentNode() is None
        assert ui.resultWidget.isHidden()
        ui.segmentButton.click()
        finish()
        assert results() == ["first hippocampus", "second hippocampus"]
        choose(ui, first)
        assert ui.outputSelector.currentNode().GetName() == "first hippocampus"
        assert not ui.resultWidget.isHidden()

    def test_a_segmentation_of_the_users_own_stays_chosen(self, ui, models):
        first, second = add_volume("first"), add_volume("second")
        choose(ui, first)
        mine = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
        ui.outputSelector.setCurrentNode(mine)
        choose(ui, second)
        assert ui.outputSelector.currentNode() is mine

    def test_two_volumes_in_the_queue_do_not_fill_one_node(self, ui, fake_worker, finish, slicer_scene):
        fake_worker("slow")
        first, second = add_volume("first"), add_volume("second")
        choose(ui, first)
        mine = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
        ui.outputSelector.setCurrentNode(mine)
        ui.segmentButton.click()
        choose(ui, second)
        ui.segmentButton.click()
        slicer_scene.wait_for(lambda: states(ui)[0][1] == "done")
        assert ui.outputSelector.currentNode() is None
        assert ui.resultWidget.isHidden()
        finish()
        assert results() == ["mine", "second hippocampus"]
        choose(ui, first)
        assert ui.outputSelector.currentNode() is mine

    def test_a_result_that_ends_while_another_volume_is_chosen_does_not_push_itself_forward(
        self, ui, fake_worker, finish
    ):
        fake_worker("slow")
        first, second = add_volume("first"), add_volume("second")
        choose(ui, first)
        ui.segmentButton.click()
        choose(ui, second)
        finish()
        assert ui.outputSelector.currentNode() is None
        choose(ui, first)
        assert ui.resultTable.rowCount == 3
