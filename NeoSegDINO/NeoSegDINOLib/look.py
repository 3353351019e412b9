"""The look at a validation case: image and present labels of a run, in a volume and a segmentation of the scene."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
from numpy.typing import NDArray
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.label_boxes import LabelBox, label_boxes
from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.run_nodes import find_node, mark_node
from NeoSegDINOLib.segmentation import fill_segments

if TYPE_CHECKING:
    from neosegdino.errors import NeoSegDINOError
    from neosegdino.training.run_folder import RunFolder

TRIES = 3
VOLUME, SEGMENTATION = "vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"


@dataclass(frozen=True, eq=False)
class LookImages:
    """What a run's look files hold: voxels ``(i, j, k)``, voxel index to RAS, and the classes' boxes."""

    voxels: NDArray[Any]
    ijk_to_ras: NDArray[np.float64]
    boxes: list[LabelBox]


class Look:
    """Keeps the look of one run up to date in the scene.

    Parameters
    ----------
    files : RunFolder
        The run.
    """

    def __init__(self, files: RunFolder) -> None:
        self._files = files
        self._run = str(files.folder)
        self._seen: tuple[int, int] | None = None
        self._reading: Background[LookImages] | None = None
        self._misses = 0

    def update(self) -> None:
        """Read the files in a thread if they have changed, then show them."""
        stamps = _stamps(self._files.look_image, self._files.look_labels)
        if stamps is None or stamps == self._seen or self._reading is not None:
            return
        self._seen = stamps
        self._reading = Background(lambda: read_look(self._files), self._take, self._miss)
        self._reading.start()

    def show_again(self) -> None:
        """Show the latest look even if the scene has lost its nodes."""
        self._seen = None
        self.update()

    def leave(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.forget()
            self._reading = None

    def _take(self, images: LookImages) -> None:
        self._reading = None
        self._misses = 0
        show_look(self._run, images)

    def _miss(self, error: NeoSegDINOError) -> None:
        """Files that are just being replaced are read once more."""
        self._reading = None
        self._misses += 1
        if self._misses < TRIES:
            self.show_again()
        else:
            logging.warning("NeoSegDINO: the look at a validation case cannot be shown: %s", error)


def read_look(files: RunFolder) -> LookImages:
    """Read a run's look (not for the window's thread).

    Raises
    ------
    VolumeError, CaseError, BundleError
        If the files do not fit together or cannot be read.
    """
    from neosegdino.bundle_store import find_bundle
    from neosegdino.cases.loading import grid_problem
    from neosegdino.errors import CaseError
    from neosegdino.volume import load_volume

    image, labels = load_volume(files.look_image), load_volume(files.look_labels, flat=True)
    if problem := grid_problem(image, labels):
        raise CaseError(_("The look at a validation case: {problem}.").format(problem=problem))
    classes = find_bundle(files.read_plan().bundle_folder, verify=False).spec.classes
    voxels = np.asarray(image.data)
    return LookImages(voxels, image.affine, label_boxes(np.asarray(labels.data).astype(np.uint8), classes))


def show_look(run: str, images: LookImages) -> None:
    """Put a look into the scene; a volume and a segmentation of the run that are there are filled in place."""
    volume, segmentation = find_node(VOLUME, run, "look"), find_node(SEGMENTATION, run, "look")
    new = volume is None
    if volume is None:
        volume = slicer.mrmlScene.AddNewNodeByClass(VOLUME, _("Fine-tuning look"))
        mark_node(volume, run, "look")
    with slicer.util.NodeModify(volume):
        slicer.util.updateVolumeFromArray(volume, np.ascontiguousarray(images.voxels.T))
        volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(images.ijk_to_ras))
    if segmentation is None:
        segmentation = _add_segmentation(run)
    fill_segments(segmentation, volume, images.boxes)
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    if new:
        volume.CreateDefaultDisplayNodes()
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        _jump_to(images.boxes, images.ijk_to_ras)


def _add_segmentation(run: str) -> Node:
    node = slicer.mrmlScene.AddNewNodeByClass(SEGMENTATION, _("Fine-tuning look"))
    mark_node(node, run, "look")
    node.CreateDefaultDisplayNodes()
    return node


def _jump_to(boxes: Sequence[LabelBox], ijk_to_ras: NDArray[np.float64]) -> None:
    """Let the slice views pass through the middle of the first class that was found."""
    box = next((box for box in boxes if box.mask.any()), None)
    if box is None:
        return
    middle = ijk_to_ras @ np.array([*((first + last) / 2 for first, last in box.extent), 1.0])
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *(float(place) for place in middle[:3]))


def _stamps(*files: Path) -> tuple[int, int] | None:
    """Times of change of both files; None while one is not there."""
    try:
        image, labels = (file.stat().st_mtime_ns for file in files)
    except OSError:
        return None
    return image, labels
