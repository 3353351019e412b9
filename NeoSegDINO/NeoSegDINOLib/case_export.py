"""Pairs of nodes as cases: copied out of the scene in the window's thread, written as NIfTI files in another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
from neosegdino.errors import CaseError
from numpy.typing import NDArray
from slicer.i18n import tr as _

from NeoSegDINOLib.case_list import unique_name
from NeoSegDINOLib.job_folder import file_stem
from NeoSegDINOLib.nodes import Node, NodeImage, ijk_to_ras, image_of, world_matrix
from NeoSegDINOLib.side_choices import guess_sides, parts_of

if TYPE_CHECKING:
    from neosegdino.cases.case import Case


@dataclass(frozen=True, eq=False)
class NodePair:
    """A volume and its reference labels in the scene.

    Attributes
    ----------
    volume : vtkMRMLScalarVolumeNode
        The MRI.
    labels : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode
        The labels.
    left, right : str
        Segment's identifier or labelmap's value of each side.
    subject : str
        Cases of one subject are never split between training and validation.
    """

    volume: Node
    labels: Node
    left: str
    right: str
    subject: str


@dataclass(frozen=True, eq=False)
class CaseImages:
    """Copies of both images of a pair, each with its place in the world; the labels are 1 (left) and 2 (right)."""

    image: NodeImage
    labels: NodeImage
    subject: str


def pair_of(volume: Node, labels: Node, sides: dict[str, str] | None = None) -> NodePair:
    """Pair two nodes; the sides are given by the names of segments or values, or guessed.

    Raises
    ------
    CaseError
        If a side is not among the parts of the labels, or cannot be guessed.
    """
    parts = parts_of(labels)
    if sides is None:
        left, right = guess_sides(parts)
    else:
        keys = {part.name: part.key for part in parts} | {part.key: part.key for part in parts}
        left, right = (keys.get(str(sides.get(side, "")), "") for side in ("left", "right"))
    if not left or not right:
        raise CaseError(
            _("'{labels}': left and right hippocampus are not found among {names}.").format(
                labels=labels.GetName(), names=", ".join(part.name for part in parts) or _("no labels")
            ),
            _('Name them, for example {"left": "Segment_1", "right": "Segment_2"}.'),
        )
    return NodePair(volume, labels, left, right, subject_of(volume))


def subject_of(volume: Node) -> str:
    """Name of the patient whose volume it is in the subject hierarchy; else the volume's own name."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(volume) if hierarchy is not None else 0
    patient = hierarchy.GetItemAncestorAtLevel(item, "Patient") if item else 0
    return str(hierarchy.GetItemName(patient) if patient else volume.GetName())


def images_of(pair: NodePair) -> CaseImages:
    """Copy the images of a pair; the scene stays as it is.

    Raises
    ------
    VolumeError
        If the volume does not suit, or a transform is not linear.
    CaseError
        If the sides are the same, or the labels cannot be had on the volume's grid.
    """
    image = image_of(pair.volume)
    if pair.left == pair.right:
        raise CaseError(
            _("'{name}': left and right are the same.").format(name=pair.labels.GetName()), _("Choose two labels.")
        )
    is_segmentation = pair.labels.IsA("vtkMRMLSegmentationNode")
    labels = _from_segments(pair, image) if is_segmentation else _from_labelmap(pair)
    return CaseImages(image, labels, pair.subject)


def write_cases(folder: Path, pairs: Sequence[CaseImages], taken: set[str]) -> list[Case]:
    """Write pairs as NIfTI files into a folder (not for the window's thread).

    Parameters
    ----------
    folder : Path
        Where they go; it is made if need be.
    pairs : sequence of CaseImages
        What to write.
    taken : set of str
        Names of the run's other cases.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    from neosegdino.folders import cannot_write

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    cases: list[Case] = []
    for pair in pairs:
        cases.append(_write(folder, pair, taken | {case.name for case in cases}))
    return cases


def _write(folder: Path, pair: CaseImages, taken: set[str]) -> Case:
    from neosegdino.cases.case import Case
    from neosegdino.volume import save_volume

    used = {path.name.partition(".")[0].removesuffix("_labels") for path in folder.iterdir()}
    name = unique_name(file_stem(pair.image.name), taken | used)
    image, labels = folder / f"{name}.nii.gz", folder / f"{name}_labels.nii.gz"
    save_volume(image, pair.image.to_volume())
    save_volume(labels, pair.labels.to_volume())
    return Case(name, str(image), str(labels), pair.subject)


def _from_segments(pair: NodePair, image: NodeImage) -> NodeImage:
    """Labels on the volume's grid, resampled by Slicer."""
    world_matrix(pair.labels)  # refuses what is not linear
    labels = np.zeros(image.data.shape, np.uint8)
    for value, segment in ((1, pair.left), (2, pair.right)):
        labels[_mask(pair, segment)] = value
    return NodeImage(labels, image.ijk_to_world, pair.labels.GetName())


def _mask(pair: NodePair, segment: str) -> NDArray[np.bool_]:
    """Voxels ``(i, j, k)`` of a segment on the volume's grid."""
    name = pair.labels.GetName()
    if pair.labels.GetSegmentation().GetSegment(segment) is None:
        raise CaseError(
            _("'{name}' has no segment '{segment}'.").format(name=name, segment=segment),
            _("Choose the segmentation again."),
        )
    segments = vtk.vtkStringArray()
    segments.InsertNextValue(segment)
    logic = slicer.modules.segmentations.logic()
    with _temporary_labelmap() as labelmap:
        if not logic.ExportSegmentsToLabelmapNode(pair.labels, segments, labelmap, pair.volume):
            raise CaseError(
                _("'{name}': the segment '{segment}' cannot be exported.").format(name=name, segment=segment),
                _("Check the segmentation in the Segment Editor."),
            )
        mask: NDArray[np.bool_] = slicer.util.arrayFromVolume(labelmap).T > 0
    return mask


@contextmanager
def _temporary_labelmap() -> Iterator[Node]:
    """A labelmap node, taken out of the scene again with all that Slicer has made for it."""
    scene = slicer.mrmlScene
    labelmap = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    try:
        yield labelmap
    finally:
        display = labelmap.GetDisplayNode()
        for node in (display.GetColorNode() if display else None, display, labelmap):
            if node is not None:
                scene.RemoveNode(node)


def _from_labelmap(pair: NodePair) -> NodeImage:
    """Labels on their own grid: whether it is the volume's is checked with all other cases."""
    voxels = np.rint(slicer.util.arrayFromVolume(pair.labels)).T
    labels = np.zeros(voxels.shape, np.uint8)
    labels[voxels == int(pair.left)] = 1
    labels[voxels == int(pair.right)] = 2
    return NodeImage(labels, world_matrix(pair.labels) @ ijk_to_ras(pair.labels), pair.labels.GetName())
