"""A user who does anything in any order: hypothesis draws the steps, and after each one the panel has to fit the scene.

The tab "Segment" is compared with what is known here of the scene, never with the panel's own words.
"""

from __future__ import annotations

import gc
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from any_order_steps import (
    ENDING,
    SEGMENTATION,
    TURN,
    UNSUITABLE,
    VOLUME,
    WITH_PANEL,
    WITHOUT_PANEL,
)
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import DataObject, data
from module_samples.leaks import kill_workers, scene_observers, wait_for_no_leftovers
from module_samples.volumes import add_volume, scene_contents
from neosegdino.errors import Cancelled
from NeoSegDINOLib.results import report_of
from NeoSegDINOLib.segmentation import result_of
from rig.session import Session

OF_A_RESULT = {SEGMENTATION, "vtkMRMLSegmentationDisplayNode"}
LONGEST_END_S = 60.0


@dataclass(frozen=True)
class World:
    """What the user acts in.

    Attributes
    ----------
    session : rig.session.Session
    module_file : Path
    jobs : Path
        Folder in which jobs make theirs.
    """

    session: Session
    module_file: Path
    jobs: Path


@dataclass(eq=False)
class Turn:
    """A volume that is at work or waits, and the segmentation node that it is to fill.

    Attributes
    ----------
    stops : bool
        Whether its run ends without a click, or has been ended.
    """

    volume: Any
    target: Any = None
    stops: bool = False
    run: Any = None

    def __post_init__(self) -> None:
        self.stops = self.volume.GetName().split()[0] in ENDING


def nodes_of(kind: str) -> list[Any]:
    """Nodes of a class and of those derived from it."""
    return list(slicer.util.getNodesByClass(kind))


class AnyOrder(RuleBasedStateMachine):
    """The panel from the module's loading to its end."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.heads: set[str] = set()
        self.made = 0
        self.turns: list[Turn] = []
        self.entered = False
        self.seen: list[weakref.ref[Any]] = []
        world.session.clear()
        gc.collect()
        self.observers_without = scene_observers(slicer.mrmlScene)
        self.module = world.session.load_module(world.module_file)
        self.enter()
        self.observers_idle = scene_observers(slicer.mrmlScene)

    @property
    def widget(self) -> Any:
        return self.module.widgetRepresentation().self()

    @property
    def ui(self) -> Any:
        return self.widget.ui

    @property
    def run(self) -> Any:
        return self.widget.segmentTab.run

    @rule(data=data())
    def step(self, data: DataObject) -> None:
        name, *arguments = data.draw(WITH_PANEL if self.entered else WITHOUT_PANEL, label="step")
        getattr(self, name)(*arguments)

    # Done to the scene

    def add_head(self, how: str) -> Any:
        """Add a volume that can be segmented, and with which the worker does what its name says."""
        self.made += 1
        volume = add_volume(f"{how} {self.made}")
        self.heads.add(volume.GetID())
        return volume

    def add_unsuitable(self, kind: str) -> None:
        UNSUITABLE[kind](kind)

    def add_segmentation(self) -> None:
        slicer.mrmlScene.AddNewNodeByClass(SEGMENTATION, "mine")

    def remove(self, kind: str, which: int) -> None:
        if nodes := nodes_of(kind):
            self.take_out(nodes[which % len(nodes)])

    def remove_queued(self, which: int) -> None:
        """Remove a volume that is at work or waits."""
        if self.turns:
            self.take_out(self.turns[which % len(self.turns)].volume)

    def take_out(self, node: Any) -> None:
        for turn in self.turns[:1]:
            turn.stops |= turn.volume is node
        self.turns[1:] = [turn for turn in self.turns[1:] if turn.volume is not node]
        slicer.mrmlScene.RemoveNode(node)

    def change_volume(self, to: str | None, which: int) -> None:
        volumes = nodes_of(VOLUME)
        volume = volumes[which % len(volumes)] if volumes else None
        if volume is not None and to == "no image":
            self.heads.discard(volume.GetID())
            volume.SetAndObserveImageData(None)
        elif volume is not None:
            transform = slicer.mrmlScene.AddNewNodeByClass(to).GetID() if to else None
            volume.SetAndObserveTransformNodeID(transform)

    def close_scene(self) -> None:
        self.turns.clear()
        slicer.mrmlScene.Clear(0)
        self.heads.clear()

    # Done to the panel

    def choose_node(self, kind: str, which: int) -> None:
        selector = self.ui.inputSelector if kind == VOLUME else self.ui.outputSelector
        nodes = [None, *nodes_of(kind)]
        selector.setCurrentNode(nodes[which % len(nodes)])

    def choose_option(self, name: str, which: int) -> None:
        combo = getattr(self.ui, name)
        if combo.enabled:
            combo.currentIndex = which % combo.count

    def change_tab(self) -> None:
        self.ui.tabWidget.currentIndex = 1 - self.ui.tabWidget.currentIndex

    def click_segment(self, next_volume: str | None, answer: str) -> None:
        if next_volume is not None:
            self.ui.inputSelector.setCurrentNode(self.add_head(next_volume))
        parameters, possible = self.widget._parameterNode, self.ui.segmentButton.enabled
        volume, target = parameters.inputVolume, parameters.segmentation
        if target is not None and any(turn.target is target for turn in self.turns):
            target = None
        asked = possible and report_of(target) is not None
        if asked:
            self.world.session.dialogs.answer(answer)
        self.ui.segmentButton.click()
        assert self.world.session.dialogs.unused == 0
        if possible and not (asked and answer == "Cancel"):
            self.turns.append(Turn(volume, None if asked and answer == "No" else target))

    def queue_volumes(self, hows: list[str], at_once: bool) -> None:
        """Load several volumes, then add each or all together."""
        if at_once:
            for how in hows:
                self.add_head(how)
            self.click_segment_all()
        else:
            for how in hows:
                self.click_segment(how, "No")

    def click_segment_all(self) -> None:
        if self.ui.segmentAllButton.isHidden():
            return
        at_work = [turn.volume for turn in self.turns]
        left = [volume for volume in nodes_of(VOLUME) if volume not in at_work and result_of(volume) is None]
        suitable = [volume for volume in left if self.suits(volume)]
        self.ui.segmentAllButton.click()
        self.turns += [Turn(volume) for volume in suitable]
        assert self.ui.messageLabel.text.startswith("Left out: ") or suitable == left

    def click_row(self, which: int) -> None:
        """Choose a volume of the queue, at work, waiting or ended."""
        if rows := self.ui.queueTable.rowCount:
            self.ui.queueTable.cellClicked.emit(which % rows, 0)

    def remove_waiting(self, which: int) -> None:
        """Take one volume out of the queue, by its row's button."""
        table = self.ui.queueTable
        buttons = [table.cellWidget(row, 2) for row in range(table.rowCount) if table.cellWidget(row, 2) is not None]
        if buttons:
            self.turns.pop(1 + which % len(buttons))
            buttons[which % len(buttons)].click()

    def empty_queue(self) -> None:
        if not self.ui.emptyQueueButton.isHidden():
            self.ui.emptyQueueButton.click()
            del self.turns[1:]

    def click_cancel(self) -> None:
        before, run = scene_contents(), self.run
        for turn in self.turns[:1]:
            turn.stops = True
        self.ui.cancelButton.click()
        assert scene_contents() == before
        if run is not None:
            assert isinstance(run.error, Cancelled)
            assert self.run is not run

    def copy_log(self) -> None:
        if not self.ui.messageFrame.isHidden() and not self.ui.copyLogButton.isHidden():
            self.ui.copyLogButton.click()
            assert slicer.app.clipboard().text()

    # Happening meanwhile

    def worker_dies(self) -> None:
        """Alone: a child of it lives on."""
        run = self.run

        def has_died() -> bool:
            if kill_workers(self.world.jobs) == 0:
                return self.run is not run
            self.follow_queue()
            self.turns[0].stops = True
            return True

        if run is not None:
            self.let_events_come(has_died)

    def time_passes(self, times: int) -> None:
        rounds = iter(range(times))
        self.let_events_come(lambda: next(rounds, None) is None)

    def run_ends(self) -> None:
        if self.turns and self.turns[0].stops:
            run = self.run
            self.let_events_come(lambda: self.run is not run)

    # Done to the module

    def enter(self) -> None:
        self.module.widgetRepresentation().enter()
        self.entered = True
        self.watch_panel()

    def exit(self) -> None:
        self.module.widgetRepresentation().exit()
        self.entered = False

    def reload(self) -> None:
        self.turns.clear()
        slicer.util.reloadScriptedModule("NeoSegDINO")
        self.watch_panel()
        gc.collect()
        self.observers_idle = scene_observers(slicer.mrmlScene)  # Slicer keeps the old form, hidden

    # What has to hold

    @invariant()
    def all_is_well(self) -> None:
        assert self.world.session.problems.take() == []
        self.follow_queue()
        if self.run is None:
            self.require_nothing_left()
            # The open panel follows the nodes that are removed; one that was left does not.
            assert scene_observers(slicer.mrmlScene) == self.observers_idle - (0 if self.entered else 1)
        if self.entered:
            self.require_panel_fits()

    def follow_queue(self) -> None:
        """Turns come one after another: those before the one at work are over, for a reason that is known."""
        at_work = self.widget.segmentTab.queue.running
        while self.turns and (at_work is None or self.turns[0].volume is not at_work.volume):
            turn = self.turns.pop(0)
            assert turn.stops or not self.suits(turn.volume), f"{turn.volume.GetName()} has ended"
            assert turn.run is None or turn.run.join(10)
        assert bool(self.turns) is (at_work is not None)
        if self.turns and self.turns[0].run is None:
            self.turns[0].run = at_work.run
            self.seen.append(weakref.ref(at_work.run))

    def require_panel_fits(self) -> None:
        ui, parameters = self.ui, self.widget._parameterNode
        volume, segmentation = parameters.inputVolume, parameters.segmentation
        assert ui.inputSelector.currentNode() is volume
        assert ui.outputSelector.currentNode() is segmentation
        possible = self.suits(volume) and all(turn.volume is not volume for turn in self.turns)
        assert ui.segmentButton.enabled is possible
        assert ui.segmentButton.text == ("Add to Queue" if possible and self.turns else "Segment Hippocampus")
        assert ui.segmentButton.toolTip
        has_result = report_of(segmentation) is not None
        assert ui.resultWidget.isHidden() is not has_result
        assert ui.resultTable.rowCount == (3 if has_result else 0)
        self.require_queue_fits()

    def require_queue_fits(self) -> None:
        ui, table = self.ui, self.ui.queueTable
        rows = [(table.item(row, 0).text(), table.item(row, 1).text()) for row in range(table.rowCount)]
        assert [name for name, _state in rows][len(rows) - len(self.turns) :] == [
            turn.volume.GetName() for turn in self.turns
        ]
        assert [name for name, state in rows if state == "waits"] == [t.volume.GetName() for t in self.turns[1:]]
        assert ui.queueWidget.isHidden() is (len(rows) <= 1)
        assert ui.emptyQueueButton.isHidden() is (len(self.turns) <= 2)
        assert ui.progressWidget.isHidden() is not bool(self.turns)

    def suits(self, volume: Any) -> bool:
        """Whether a volume can be segmented."""
        if volume is None or volume.GetID() not in self.heads:
            return False
        parent = volume.GetParentTransformNode()
        return parent is None or parent.GetClassName() == TURN

    def require_nothing_left(self) -> None:
        """Nothing of the runs that have ended is left outside the scene."""
        wait_for_no_leftovers(self.world.jobs)

    def let_events_come(self, enough: Callable[[], bool]) -> None:
        """Run the event loop; only results may change the scene."""
        before, known = scene_contents(), self.succeeded()
        deadline = time.monotonic() + LONGEST_END_S
        while not enough():
            assert time.monotonic() < deadline, "the run does not end"
            self.world.session.process_events()
            time.sleep(0.005)
        after, new = scene_contents(), [run for run in self.succeeded() if run not in known]
        if not new:
            assert after == before
            return
        assert before.keys() <= after.keys()
        nodes = [slicer.mrmlScene.GetNodeByID(name) for name in after.keys() - before.keys()]
        assert {node.GetClassName() for node in nodes} <= OF_A_RESULT
        assert sum(node.GetClassName() == SEGMENTATION for node in nodes) <= len(new)
        assert all(report_of(run.node) is not None for run in new)

    def succeeded(self) -> list[Any]:
        """Runs of the queue that have brought a result."""
        runs = [entry.run for entry in self.widget.segmentTab.queue.entries if entry.run is not None]
        return [run for run in runs if not run.running and run.error is None]

    def watch_panel(self) -> None:
        """See later that the panel is gone."""
        self.seen += [weakref.ref(thing) for thing in (self.widget, self.widget.segmentTab, self.widget.finetuneTab)]

    def teardown(self) -> None:
        """The module goes away, also in the middle of a run."""
        self.module.unload()
        self.world.session.process_events()
        if sys.exc_info()[0] is not None:  # the step that failed says more
            return
        assert self.world.session.problems.take() == []
        wait_for_no_leftovers(self.world.jobs)
        self.module = None
        self.turns.clear()
        gc.collect()
        assert scene_observers(slicer.mrmlScene) == self.observers_without
        assert [thing for thing in (reference() for reference in self.seen) if thing is not None] == []
