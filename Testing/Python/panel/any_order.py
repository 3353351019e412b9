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
import vtk
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import (
    DataObject,
    SearchStrategy,
    booleans,
    data,
    integers,
    just,
    one_of,
    sampled_from,
    tuples,
)
from module_samples.leaks import kill_workers, scene_observers, wait_for_no_leftovers
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


UNSUITABLE: dict[str, Callable[[str], Any]] = {
    "slice": lambda name: add_volume(name, shape=(1, 40, 50)),
    "no image": lambda name: slicer.mrmlScene.AddNewNodeByClass(VOLUME, name),
    "colours": add_colours,
}
WHICH = integers(0, 9)
"""Which one of those that there are, counted round."""
IN_THE_SCENE = (
    ("add_volume", sampled_from(["head", "head", *UNSUITABLE])),
    ("add_segmentation",),
    ("remove", sampled_from([VOLUME, SEGMENTATION, TRANSFORM]), WHICH),
    ("change_volume", sampled_from([None, TURN, BEND, "no image"]), WHICH),
    ("close_scene",),
)
IN_THE_PANEL = (
    ("choose_node", sampled_from([VOLUME, SEGMENTATION]), WHICH),
    ("choose_option", sampled_from(OPTIONS), WHICH),
    ("change_tab",),
    *3 * (("click_segment", sampled_from([*ENDING, *ENDLESS]), booleans(), booleans()),),
    ("click_cancel",),
    ("copy_log",),
    ("exit",),
    ("reload",),
)
MEANWHILE = (
    ("worker_dies",),
    ("time_passes", sampled_from([1, 10, 100])),
    *2 * (("run_ends",),),
)


def steps(*kinds: tuple[Any, ...]) -> SearchStrategy[tuple[Any, ...]]:
    """Draw a method and its arguments; a method that stands there twice is twice as likely."""
    return one_of(*(tuples(just(name), *arguments) for name, *arguments in kinds))


WITH_PANEL = steps(*IN_THE_SCENE, *IN_THE_PANEL, *MEANWHILE)
WITHOUT_PANEL = steps(*IN_THE_SCENE, *MEANWHILE, *2 * (("enter",),))


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
        self.at_work: Any = None
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

    @rule(data=data())
    def step(self, data: DataObject) -> None:
        name, *arguments = data.draw(WITH_PANEL if self.entered else WITHOUT_PANEL, label="step")
        getattr(self, name)(*arguments)

    # Done to the scene

    def add_volume(self, kind: str) -> None:
        if kind == "head":
            self.add_head()
        else:
            UNSUITABLE[kind](kind)

    def add_head(self) -> Any:
        """Add a volume that can be segmented."""
        volume = add_volume("head")
        self.heads.add(volume.GetID())
        return volume

    def add_segmentation(self) -> None:
        slicer.mrmlScene.AddNewNodeByClass(SEGMENTATION, "mine")

    def remove(self, kind: str, which: int) -> None:
        if nodes := nodes_of(kind):
            slicer.mrmlScene.RemoveNode(nodes[which % len(nodes)])

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

    def click_segment(self, how: str, next_volume: bool, agrees: bool) -> None:
        if self.run is not None:  # the queue has tests of its own
            return
        if next_volume:
            self.ui.inputSelector.setCurrentNode(self.add_head())
        possible = self.ui.segmentButton.enabled
        asked = possible and report_of(self.widget._parameterNode.segmentation) is not None
        if asked:
            self.world.session.dialogs.answer("Yes" if agrees else "Cancel")
        if possible:
            self.world.worker(how)
        self.ui.segmentButton.click()
        if possible and (agrees or not asked):
            self.run, self.ends = self.widget.segmentTab.run, how in ENDING
            self.at_work = self.widget._parameterNode.inputVolume
            assert self.run is not None
            self.seen.append(weakref.ref(self.run))
        assert self.world.session.dialogs.unused == 0

    def click_cancel(self) -> None:
        before = scene_contents()
        self.ui.cancelButton.click()
        assert scene_contents() == before
        assert self.run is None or isinstance(self.run.error, Cancelled)

    def copy_log(self) -> None:
        if not self.ui.messageFrame.isHidden() and not self.ui.copyLogButton.isHidden():
            self.ui.copyLogButton.click()
            assert slicer.app.clipboard().text()

    # Happening meanwhile

    def worker_dies(self) -> None:
        """Alone: a child of it lives on."""
        if self.run is not None:
            self.let_events_come(lambda: kill_workers(self.world.jobs) > 0 or not self.run.running)
            self.ends = True

    def time_passes(self, times: int) -> None:
        rounds = iter(range(times))
        self.let_events_come(lambda: next(rounds, None) is None)

    def run_ends(self) -> None:
        if self.ends:
            self.let_events_come(lambda: self.run is None or not self.run.running)

    # Done to the module

    def enter(self) -> None:
        self.module.widgetRepresentation().enter()
        self.entered = True
        self.watch_panel()

    def exit(self) -> None:
        self.module.widgetRepresentation().exit()
        self.entered = False

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
            # The open panel follows the nodes that are removed; one that was left does not.
            assert scene_observers(slicer.mrmlScene) == self.observers_idle - (0 if self.entered else 1)
        if self.entered:
            self.require_panel_fits()

    def require_panel_fits(self) -> None:
        ui, parameters, running = self.ui, self.widget._parameterNode, self.run is not None
        volume, segmentation = parameters.inputVolume, parameters.segmentation
        assert ui.inputSelector.currentNode() is volume
        assert ui.outputSelector.currentNode() is segmentation
        assert ui.progressWidget.isHidden() is not running
        assert ui.segmentButton.enabled is (self.suits(volume) and not (running and volume is self.at_work))
        assert ui.segmentButton.toolTip
        has_result = report_of(segmentation) is not None
        assert ui.resultWidget.isHidden() is not has_result
        assert ui.resultTable.rowCount == (3 if has_result else 0)

    def suits(self, volume: Any) -> bool:
        """Whether a volume can be segmented."""
        if volume is None or volume.GetID() not in self.heads:
            return False
        parent = volume.GetParentTransformNode()
        return parent is None or parent.GetClassName() == TURN

    def require_nothing_left(self) -> None:
        """Nothing of the run that has ended is left outside the scene."""
        assert self.run.join(10)
        wait_for_no_leftovers(self.world.jobs)

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
        wait_for_no_leftovers(self.world.jobs)
        self.module = self.run = None
        gc.collect()
        assert scene_observers(slicer.mrmlScene) == self.observers_without
        assert [thing for thing in (reference() for reference in self.seen) if thing is not None] == []
