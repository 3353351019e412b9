"""What the drawn user can do: steps by the methods of `AnyOrder` that take them, with how their arguments are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk
from hypothesis.strategies import (
    SearchStrategy,
    booleans,
    integers,
    just,
    lists,
    none,
    one_of,
    sampled_from,
    tuples,
)
from module_samples.volumes import add_volume

VOLUME, SEGMENTATION, TRANSFORM = "vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTransformNode"
TURN, BEND = "vtkMRMLLinearTransformNode", "vtkMRMLGridTransformNode"
OPTIONS = ("bundleComboBox", "windowsComboBox", "deviceComboBox")
ENDING = ("babble", "babble", "slow", "crash", "vanish", "error", "nothing", "wrong_grid")
"""What the stand-in for the worker does with a volume of that name, and ends by itself."""
ENDLESS = ("hang", "chatter")
HOW = sampled_from([*ENDING, *ENDLESS])


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
    "localizer": lambda name: add_volume(name, shape=(5, 40, 50)),
    "no image": lambda name: slicer.mrmlScene.AddNewNodeByClass(VOLUME, name),
    "colours": add_colours,
}
WHICH = integers(-5, 4)
"""Which one of those that there are, counted round from the oldest or, below zero, from the newest."""
IN_THE_SCENE = (
    ("add_head", HOW),
    ("add_unsuitable", sampled_from(list(UNSUITABLE))),
    ("add_segmentation",),
    ("remove", sampled_from([VOLUME, SEGMENTATION, TRANSFORM]), WHICH),
    ("remove_queued", WHICH),
    ("change_volume", sampled_from([None, TURN, BEND, "no image"]), WHICH),
    ("close_scene",),
)
IN_THE_PANEL = (
    ("choose_node", sampled_from([VOLUME, SEGMENTATION]), WHICH),
    ("choose_option", sampled_from(OPTIONS), WHICH),
    ("change_tab",),
    *3 * (("click_segment", one_of(none(), HOW), sampled_from(["Yes", "No", "Cancel"])),),
    *3 * (("queue_volumes", lists(HOW, min_size=2, max_size=4), booleans()),),
    ("click_segment_all",),
    ("click_row", WHICH),
    *2 * (("remove_waiting", WHICH),),
    ("empty_queue",),
    *2 * (("click_cancel",),),
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
