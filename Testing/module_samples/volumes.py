"""Volume nodes for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

MATRIX = np.array([[-0.8, 0, 0, 20], [0, 0.9, 0, -18], [0, 0, 1.1, -12], [0, 0, 0, 1]], float)


def add_volume(name: str = "T2w", shape: tuple[int, int, int] = (24, 40, 50)) -> Any:
    """Add a scalar volume of noise; shape is (k, j, i)."""
    voxels = np.random.default_rng(0).integers(0, 900, shape).astype(np.int16)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=MATRIX, name=name)


def scene_contents() -> dict[str, tuple[str, int]]:
    """Every node of the scene by ID, with its name and modification time."""
    scene = slicer.mrmlScene
    nodes = (scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes()))
    return {node.GetID(): (node.GetName(), node.GetMTime()) for node in nodes}
