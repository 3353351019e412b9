"""Volume nodes of the scene as images in world coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from neosegdino.errors import VolumeError
from numpy.typing import NDArray
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from neosegdino.volume import Volume

Node = Any
"""A MRML node: VTK's wrapped classes carry no type information."""


@dataclass(frozen=True, eq=False)
class NodeImage:
    """Copy of a volume node's voxels and their place in the world.

    Parameters
    ----------
    data : ndarray
        Voxels ``(i, j, k)``.
    ijk_to_world : ndarray
        Voxel index to RAS in mm ``(4, 4)``, parent transforms included.
    name : str
        The node's name.
    """

    data: NDArray[Any]
    ijk_to_world: NDArray[np.float64]
    name: str

    def to_volume(self) -> Volume:
        """As a volume of the package (loads nibabel, so not for the window's thread)."""
        from neosegdino.volume import Volume

        return Volume(self.data, self.ijk_to_world, self.name)


def why_not(node: Node) -> tuple[str, str] | None:
    """Why a volume node cannot be segmented.

    Returns
    -------
    tuple of str or None
        What is wrong and the remedy; None for a suitable node.
    """
    if node is None:
        return _("No input volume is chosen."), _("Load a newborn's brain MRI and choose it as the input volume.")
    return _wrong_kind(node) or _wrong_image(node) or _bent(node)


def _wrong_kind(node: Node) -> tuple[str, str] | None:
    """What to say of a node that is no scalar volume, although its class may be derived from that of one."""
    image = _("Choose a T1w or T2w volume.")
    kinds = {
        "vtkMRMLLabelMapVolumeNode": (_("'{name}' is a label map."), _("Choose the image that the labels belong to.")),
        "vtkMRMLDiffusionWeightedVolumeNode": (_("'{name}' holds several diffusion-weighted images."), image),
        "vtkMRMLTensorVolumeNode": (_("'{name}' holds diffusion tensors."), image),
        "vtkMRMLSequenceNode": (_("'{name}' is a sequence."), _("Choose the volume that shows one of its frames.")),
    }
    for kind, (message, remedy) in kinds.items():
        if node.IsA(kind):
            return message.format(name=node.GetName()), remedy
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        return _("'{name}' is no volume.").format(name=node.GetName()), image
    return None


def _wrong_image(node: Node) -> tuple[str, str] | None:
    name, image = node.GetName(), node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        return _("'{name}' holds no image.").format(name=name), _("Load the volume again or choose another.")
    if image.GetNumberOfScalarComponents() != 1:
        return (
            _("'{name}' holds several values per voxel, as colours or a 4D image do.").format(name=name),
            _("Choose a volume with one value per voxel."),
        )
    if min(image.GetDimensions()) < 2:
        return _("'{name}' is a single slice.").format(name=name), _("Choose a 3D volume.")
    return None


def _bent(node: Node) -> tuple[str, str] | None:
    parent = node.GetParentTransformNode()
    if parent is None or parent.IsTransformToWorldLinear():
        return None
    return (
        _("'{name}' is under the non-linear transform '{transform}'.").format(
            name=node.GetName(), transform=parent.GetName()
        ),
        _("Harden the transform in the Transforms module, or take the volume out of it."),
    )


def sequence_of(node: Node) -> Node:
    """Sequence of which a volume node shows one frame; None for a volume of its own."""
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        if browser.IsProxyNode(node.GetID()):
            return browser.GetSequenceNode(node)
    return None


def world_matrix(node: Node) -> NDArray[np.float64]:
    """Matrix from a node's own RAS to world RAS ``(4, 4)``.

    Raises
    ------
    VolumeError
        If a parent transform is not linear.
    """
    matrix = vtk.vtkMatrix4x4()
    parent = node.GetParentTransformNode()
    if parent is not None and not parent.GetMatrixTransformToWorld(matrix):
        raise VolumeError(
            _("'{name}' is under a non-linear transform.").format(name=node.GetName()),
            _("Harden the transform in the Transforms module."),
        )
    return np.array(slicer.util.arrayFromVTKMatrix(matrix))


def ijk_to_ras(node: Node) -> NDArray[np.float64]:
    """Matrix from voxel index to the volume node's own RAS ``(4, 4)``."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return np.array(slicer.util.arrayFromVTKMatrix(matrix))


def ijk_to_own(volume: Node, node: Node) -> NDArray[np.float64]:
    """Matrix from voxel index of a volume to the own RAS of another node, whose parent transform may be another.

    Raises
    ------
    VolumeError
        The parent transforms differ, and one of them is not linear.
    """
    if volume.GetParentTransformNode() is node.GetParentTransformNode():
        return ijk_to_ras(volume)
    return np.linalg.inv(world_matrix(node)) @ world_matrix(volume) @ ijk_to_ras(volume)


def image_of(node: Node) -> NodeImage:
    """Copy the voxels of a scalar volume node.

    Raises
    ------
    VolumeError
        If the node cannot be segmented, with the reason.
    """
    reason = why_not(node)
    if reason is not None:
        raise VolumeError(*reason)
    # Copied in memory order (k, j, i): transposed it is (i, j, k) in the order in which NIfTI is written.
    voxels = slicer.util.arrayFromVolume(node).copy().T
    return NodeImage(voxels, world_matrix(node) @ ijk_to_ras(node), node.GetName())
