"""Label maps of heads, packed into one array of small indices."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neosegdino.errors import VolumeError
from neosegdino.synthesis.anatomy import LEFT_HIPPOCAMPUS, PAIRS, RIGHT_HIPPOCAMPUS, VENTRICLES, WHITE
from neosegdino.synthesis.newborn import Maturity, mature

_NEEDED = {
    **dict.fromkeys((LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS), "hippocampus"),
    **dict.fromkeys(WHITE, "cerebral white matter"),
    VENTRICLES[0][0]: "lateral ventricle",
}
"""Labels that the generator needs, by name."""


@dataclass(frozen=True, eq=False)
class LabelMaps:
    """Several heads on 1 mm RAS grids of one shape.

    Attributes
    ----------
    volumes : ndarray of uint8
        ``(M, X, Y, Z)`` indices into `labels`.
    labels : tuple of int
        FreeSurfer label of every index.
    hippocampi : ndarray of float32
        ``(M, 2, 3)`` voxel coordinates of the left and right hippocampus' centroid.
    names : tuple of str
        File name of every map, and its maturity.
    heads : tuple of int
        Number of the head of every map, from 0: the maps of one head are alike.
    """

    volumes: NDArray[np.uint8]
    labels: tuple[int, ...]
    hippocampi: NDArray[np.float32]
    names: tuple[str, ...]
    heads: tuple[int, ...]

    def index(self, label: int) -> int:
        """Index of a FreeSurfer label."""
        return self.labels.index(label)

    def mirror_table(self) -> NDArray[np.int64]:
        """For every index the index of the same structure on the other side."""
        table = np.arange(len(self.labels))
        for left, right in PAIRS.items():
            if left in self.labels and right in self.labels:
                table[self.index(left)], table[self.index(right)] = self.index(right), self.index(left)
        return table

    def subset(self, numbers: Sequence[int]) -> LabelMaps:
        """Some of the maps, by position."""
        chosen = list(numbers)
        names = tuple(self.names[number] for number in chosen)
        heads = tuple(self.heads[number] for number in chosen)
        return LabelMaps(self.volumes[chosen], self.labels, self.hippocampi[chosen], names, heads)

    def of_heads(self, heads: Container[int]) -> LabelMaps:
        """All maps of some heads."""
        return self.subset([number for number, head in enumerate(self.heads) if head in heads])

    def save(self, path: Path) -> None:
        """Pack into one compressed ``.npz``."""
        np.savez_compressed(path, **vars(self))


def load_packed(path: Path) -> LabelMaps:
    """Read what `LabelMaps.save` wrote."""
    with np.load(path, allow_pickle=False) as packed:
        return LabelMaps(
            packed["volumes"],
            tuple(int(label) for label in packed["labels"]),
            packed["hippocampi"],
            tuple(str(name) for name in packed["names"]),
            tuple(int(head) for head in packed["heads"]),
        )


def load_label_maps(folder: Path, below_mm: int = 100, maturities: Sequence[Maturity] | None = None) -> LabelMaps:
    """Read all ``*.nii.gz`` label maps (FreeSurfer labels, 1 mm isotropic) of a folder in the order of their names.

    Parameters
    ----------
    folder : Path
        Where the maps lie.
    below_mm : int
        How much is kept below the hippocampi; the shoulders are of no use.
    maturities : sequence of Maturity
        Every head gives a map of each; by default one that is left as it is.

    Raises
    ------
    VolumeError
        If there is no map, or one cannot be read, lacks a structure that every head has, or is not 1 mm isotropic.
    """
    paths = sorted(folder.glob("*.nii.gz"))
    if not paths:
        raise VolumeError(f"No label maps (*.nii.gz) in {folder}.", "Name the folder that holds the label maps.")
    crops = [_crop(*_read(path), below_mm) for path in paths]
    names, numbers = [path.name for path in paths], list(range(len(paths)))
    if maturities:
        crops = [(mature(labels, maturity), hippocampi) for labels, hippocampi in crops for maturity in maturities]
        names = [f"{name}, {maturity.name}" for name in names for maturity in maturities]
        numbers = [number for number in numbers for _ in maturities]
    labels = tuple(int(label) for label in np.unique(np.concatenate([np.unique(c) for c, _ in crops])))
    shape = np.max([c.shape for c, _ in crops], axis=0)
    table = np.zeros(max(labels) + 1, np.uint8)
    table[list(labels)] = np.arange(len(labels))
    volumes = np.zeros((len(crops), *shape), np.uint8)
    for volume, (crop, _) in zip(volumes, crops, strict=True):
        volume[tuple(slice(0, n) for n in crop.shape)] = table[crop]
    return LabelMaps(volumes, labels, np.stack([h for _, h in crops]), tuple(names), tuple(numbers))


def _read(path: Path) -> tuple[NDArray[np.int64], str]:
    import nibabel as nib

    from neosegdino.volume import load_volume

    volume = load_volume(path)
    if not np.allclose(volume.spacing, 1.0, atol=0.01):
        raise VolumeError(f"{path.name}: the label map is not 1 mm isotropic.", "Resample it to 1 mm first.")
    labels = volume.data.astype(np.int64)
    return nib.orientations.apply_orientation(labels, nib.io_orientation(volume.affine)), path.name


def _crop(labels: NDArray[np.int64], name: str, below_mm: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Bounding box of the head, cut below the hippocampi, and both hippocampi's centroids in it."""
    for label, structure in _NEEDED.items():
        if not (labels == label).any():
            raise VolumeError(f"{name}: no {structure} (label {label}).", "Use maps with FreeSurfer's labels.")
    centroids = []
    for label in (LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS):
        centroids.append(np.argwhere(labels == label).mean(0))
    filled = [np.flatnonzero((labels > 0).any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    low = np.array([f[0] for f in filled])
    high = np.array([f[-1] + 1 for f in filled])
    low[2] = max(low[2], round(np.mean(centroids, axis=0)[2]) - below_mm)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return labels[box], np.asarray(np.array(centroids) - low, np.float32)
