"""A user who does anything in any order: hypothesis draws the steps, and after each one the panel has to fit the scene.

The tab "Segment" is compared with what is known here of the scene, never with the panel's own words.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
import vtk
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import booleans, integers, sampled_from
from module_samples.leaks import leftovers, processes_in, scene_observers
from module_samples.volumes import add_volume, scene_contents
from neosegdino.errors import Cancelled
from NeoSegDINOLib.results import report_of
from rig.session import Session

VOLUME, SEGMENTATION, TRANSFORM = "vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTransformNode"
TURN, BEND = "vtkMRMLLinearTransformNode", "vtkMRMLGridTransformNode"
OPTIONS = ("bundleComboBox", "windowsComboBox", "deviceComboBox")
ENDING = ("babble", "babble", "slow", "crash", "vanish", "error", "nothing", "wrong_grid")
"""What the stand-in for the worker does and ends by itself."""
ENDLESS = ("hang", "hang", "chatter")
OF_A_RESULT = {SEGMENTATION, "vtkMRMLSegmentationDisplayNode"}
LONGEST_END_S = 60.0
WHICH = integers(0, 9)
"""Which one of those that there are, counted round."""


@dataclass(frozen=True)
class World:
    """What the user acts in.

    Attributes
    ----------
    session : rig.session.Session
    module_file : Path
    jobs : Path
        Folder in which jobs make theirs.
    worker : callable
        Says what the stand-in for the worker does from now on.
    """

    session: Session
    module_file: Path
    jobs: Path
    worker: Callable[[str], Path]


def add_colours(name: str) -> Any:
    """Add a scalar volume of three values a voxel."""
    image = vtk.vtkImageData()
    image.SetDimensions(8, 7, 6)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    volume = slicer.mrmlScene.AddNewNodeByClass(VOLUME, name)
    volume.SetAndObserveImageData(image)
    return volume


VOLUMES: dict[str, Callable[[str], Any]] = {
    "head": add_volume,
    "slice": lambda name: add_volume(name, shape=(1, 40, 50)),
    "no image": lambda name: slicer.mrmlScene.AddNewNodeByClass(VOLUME, name),
    "colours": add_colours,
}


def nodes_of(kind: str) -> list[Any]:
    """Nodes of a class and of those derived from it."""
    return list(slicer.util.getNodesByClass(kind))


class AnyOrder(RuleBasedStateMachine):
    """The panel from the module's loading to its end."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.heads: set[str] = set()
        self.run: Any = None
        self.ends = True
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

    # Done to the scene

    @rule(kind=sampled_from(["head", *VOLUMES]))
    def add_volume(self, kind: str) -> None:
        volume = VOLUMES[kind](kind)
        if kind == "head":
            self.heads.add(volume.GetID())

    @rule()
    def add_segmentation(self) -> None:
        slicer.mrmlScene.AddNewNodeByClass(SEGMENTATION, "mine")

    @rule(kind=sampled_from([VOLUME, SEGMENTATION, TRANSFORM]), which=WHICH)
    def remove(self, kind: str, which: int) -> None:
        if nodes := nodes_of(kind):
            slicer.mrmlScene.RemoveNode(nodes[which % len(nodes)])

    @rule(which=WHICH)
    def lose_image(self, which: int) -> None:
        if volumes := nodes_of(VOLUME):
            volume = volumes[which % len(volumes)]
            self.heads.discard(volume.GetID())
            volume.SetAndObserveImageData(None)

    @rule(kind=sampled_from([None, TURN, BEND]), which=WHICH)
    def transform(self, kind: str | None, which: int) -> None:
        if volumes := nodes_of(VOLUME):
            transform = slicer.mrmlScene.AddNewNodeByClass(kind).GetID() if kind else None
            volumes[which % len(volumes)].SetAndObserveTransformNodeID(transform)

    @rule()
    def close_scene(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.heads.clear()

    # Done to the panel

    @precondition(lambda self: self.entered)
    @rule(kind=sampled_from([VOLUME, SEGMENTATION]), which=WHICH)
    def choose_node(self, kind: str, which: int) -> None:
        if self.ui.choicesWidget.enabled:
            selector = self.ui.inputSelector if kind == VOLUME else self.ui.outputSelector
            nodes = [None, *nodes_of(kind)]
            selector.setCurrentNode(nodes[which % len(nodes)])

    @precondition(lambda self: self.entered)
    @rule(name=sampled_from(OPTIONS), which=WHICH)
    def choose_option(self, name: str, which: int) -> None:
        combo = getattr(self.ui, name)
        if combo.enabled:
            combo.currentIndex = which % combo.count

    @precondition(lambda self: self.entered)
    @rule(index=integers(0, 1))
    def change_tab(self, index: int) -> None:
        self.ui.tabWidget.currentIndex = index

    @precondition(lambda self: self.entered)
    @rule(how=sampled_from([*ENDING, *ENDLESS]), agrees=booleans())
    def click_segment(self, how: str, agrees: bool) -> None:
        possible = self.ui.segmentButton.enabled
        asked = possible and report_of(self.widget._parameterNode.segmentation) is not None
        if asked:
            self.world.session.dialogs.answer("Ok" if agrees else "Cancel")
        if possible:
            self.world.worker(how)
        self.ui.segmentButton.click()
        if possible and (agrees or not asked):
            self.run, self.ends = self.widget.segmentTab.run, how in ENDING
            assert self.run is not None
            self.seen.append(weakref.ref(self.run))
        assert self.world.session.dialogs.unused == 0

    @precondition(lambda self: self.entered)
    @rule()
    def click_cancel(self) -> None:
        before = scene_contents()
        self.ui.cancelButton.click()
        assert scene_contents() == before
        assert self.run is None or isinstance(self.run.error, Cancelled)

    @precondition(lambda self: self.entered)
    @rule()
    def copy_log(self) -> None:
        if not self.ui.messageFrame.isHidden() and not self.ui.copyLogButton.isHidden():
            self.ui.copyLogButton.click()
            assert slicer.app.clipboard().text()

    # Happening meanwhile

    @rule()
    def worker_dies(self) -> None:
        for process in processes_in(self.world.jobs):
            if process.ppid() == os.getpid():
                process.kill()
                self.ends = True

    @rule(times=sampled_from([1, 10, 100]))
    def time_passes(self, times: int) -> None:
        rounds = iter(range(times))
        self.let_events_come(lambda: next(rounds, None) is None)

    @rule()
    def run_ends(self) -> None:
        if self.ends:
            self.let_events_come(lambda: self.run is None or not self.run.running)

    # Done to the module

    @precondition(lambda self: not self.entered)
    @rule()
    def enter(self) -> None:
        self.module.widgetRepresentation().enter()
        self.entered = True
        self.watch_panel()

    @precondition(lambda self: self.entered)
    @rule()
    def exit(self) -> None:
        self.module.widgetRepresentation().exit()
        self.entered = False

    @precondition(lambda self: self.entered)
    @rule()
    def reload(self) -> None:
        slicer.util.reloadScriptedModule("NeoSegDINO")
        self.watch_panel()
        gc.collect()
        self.observers_idle = scene_observers(slicer.mrmlScene)  # Slicer keeps the old form, hidden

    # What has to hold

    @invariant()
    def all_is_well(self) -> None:
        assert self.world.session.problems.take() == []
        if self.run is not None and not self.run.running:
            self.require_nothing_left()
            self.run = None
        assert self.widget.segmentTab.run is self.run
        if self.run is None:
            assert scene_observers(slicer.mrmlScene) == self.observers_idle
        if self.entered:
            self.require_panel_fits()

    def require_panel_fits(self) -> None:
        ui, parameters, running = self.ui, self.widget._parameterNode, self.run is not None
        volume, segmentation = parameters.inputVolume, parameters.segmentation
        assert ui.inputSelector.currentNode() is volume
        assert ui.outputSelector.currentNode() is segmentation
        assert ui.progressWidget.isHidden() is not running
        assert ui.choicesWidget.enabled is not running
        assert ui.advancedCollapsibleButton.enabled is not running
        assert ui.segmentButton.enabled is (self.suits(volume) and not running)
        assert ui.segmentButton.toolTip
        has_result = report_of(segmentation) is not None
        assert ui.resultWidget.isHidden() is not has_result
        assert ui.resultTable.rowCount == (2 if has_result else 0)

    def suits(self, volume: Any) -> bool:
        """Whether a volume can be segmented."""
        if volume is None or volume.GetID() not in self.heads:
            return False
        parent = volume.GetParentTransformNode()
        return parent is None or parent.GetClassName() == TURN

    def require_nothing_left(self) -> None:
        """Nothing of the run that has ended is left outside the scene."""
        assert self.run.join(10)
        assert leftovers(self.world.jobs) == []

    def let_events_come(self, enough: Callable[[], bool]) -> None:
        """Run the event loop; only a result may change the scene."""
        before, run = scene_contents(), self.run
        deadline = time.monotonic() + LONGEST_END_S
        while not enough():
            assert time.monotonic() < deadline, "the run does not end"
            self.world.session.process_events()
            time.sleep(0.005)
        after = scene_contents()
        if run is None or run.running or run.error is not None:
            assert after == before
            return
        assert before.keys() <= after.keys()
        new = [slicer.mrmlScene.GetNodeByID(name) for name in after.keys() - before.keys()]
        assert {node.GetClassName() for node in new} <= OF_A_RESULT
        assert report_of(run.node) is not None

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
        assert leftovers(self.world.jobs) == []
        self.module = self.run = None
        gc.collect()
        assert scene_observers(slicer.mrmlScene) == self.observers_without
        assert [thing for thing in (reference() for reference in self.seen) if thing is not None] == []
