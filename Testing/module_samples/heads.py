"""Small heads with two hippocampi, as files and as nodes of the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

SHAPE = (50, 56, 44)
AFFINE = np.array([[2.0, 0, 0, -50], [0, 2, 0, -56], [0, 0, 2, -44], [0, 0, 0, 1]])


def head(seed: int = 0) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Voxels of a bright ball with two darker spots, and the spots' labels: 1 on the left, 2 on the right."""
    points = nib.affines.apply_affine(AFFINE, np.moveaxis(np.indices(SHAPE), 0, -1))
    noise = np.random.default_rng(seed).normal(40, 15, SHAPE)
    voxels = np.where(np.linalg.norm(points, axis=-1) < 38, 500.0, 0.0) + noise
    labels = np.zeros(SHAPE, np.uint8)
    for value, place in ((1, (-16, 2, -4)), (2, (16, 2, -4))):
        labels[np.linalg.norm((points - place) / [1, 1.8, 1], axis=-1) < 6.5] = value
    voxels[labels > 0] -= 150
    return voxels.astype(np.int16), labels


def save_head(folder: Path, name: str, *, seed: int = 0, bad: bool = False) -> tuple[Path, Path]:
    """Write image and labels of a head; a bad one has no left hippocampus."""
    voxels, labels = head(seed)
    if bad:
        labels[labels == 1] = 0
    image, truth = folder / f"{name}.nii.gz", folder / f"{name}_labels.nii.gz"
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, AFFINE), image)
    nib.save(nib.Nifti1Image(labels, AFFINE), truth)
    return image, truth


def save_table(folder: Path, names: str, bad: str = "") -> Path:
    """Write a head for each letter and a table of them."""
    for seed, name in enumerate(names):
        save_head(folder, name, seed=seed, bad=name in bad)
    table = folder / "cases.csv"
    lines = [f"{name}.nii.gz,{name}_labels.nii.gz,{name}" for name in names]
    table.write_text("\n".join(["image,labels,name", *lines, ""]), encoding="utf-8")
    return table


def add_head(name: str, *, seed: int = 0) -> tuple[Any, Any]:
    """Add a volume and a segmentation of a head to the scene."""
    import slicer

    voxels, labels = head(seed)
    volume = slicer.util.addVolumeFromArray(np.ascontiguousarray(voxels.T), ijkToRAS=AFFINE, name=name)
    kind = "vtkMRMLLabelMapVolumeNode"
    truth = slicer.util.addVolumeFromArray(np.ascontiguousarray(labels.T), ijkToRAS=AFFINE, nodeClassName=kind)
    truth.CreateDefaultDisplayNodes()
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{name} truth")
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(truth, segmentation)
    slicer.mrmlScene.RemoveNode(truth.GetDisplayNode())
    slicer.mrmlScene.RemoveNode(truth)
    for index, side in enumerate(("Left hippocampus", "Right hippocampus")):
        segmentation.GetSegmentation().GetNthSegment(index).SetName(side)
    return volume, segmentation
