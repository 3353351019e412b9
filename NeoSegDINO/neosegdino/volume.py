"""A 3D image with its affine, read from and written to NIfTI files."""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from neosegdino import suitability
from neosegdino.errors import OutputError, VolumeError
from neosegdino.files import atomic_path, printable
from neosegdino.geometry import Affine, Array, check_affine
from neosegdino.orientation import compare_forms, has_shear

_UNREADABLE = (ImageFileError, HeaderDataError, EOFError, OSError, ValueError, zlib.error, MemoryError)
"""What nibabel and gzip raise on damaged files."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3D image, where it is, and where it comes from.

    Parameters
    ----------
    data : (x, y, z) array
        Voxels of any real type, indexed as the affine's columns.
    affine : (4, 4) float array
        Voxel index to RAS mm.
    source : str
        Name of the file or node, for messages.
    notes : tuple of str, optional
        Findings to report.

    Raises
    ------
    VolumeError
        The array is not three-dimensional or the affine is not usable.
    """

    data: Array
    affine: Affine
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise VolumeError(f"{self.source}: expected 3 dimensions, found {self.data.ndim}.", "Give a 3D image.")
        check_affine(self.affine, self.source)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along the array axes."""
        first, second, third = self.data.shape
        return first, second, third

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along the array axes, in mm."""
        first, second, third = (float(side) for side in np.linalg.norm(self.affine[:3, :3], axis=0))
        return first, second, third

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm3, shear included."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def axis_codes(self) -> tuple[str, str, str]:
        """Nearest patient direction to which each array axis runs, such as ("R", "A", "S")."""
        first, second, third = nib.aff2axcodes(self.affine)
        return first, second, third


def load_volume(path: str | Path, *, flat: bool = False) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file (.nii, .nii.gz).

    Stored scaling is applied; integers without scaling stay integers. A single frame of a 4D file is taken out. The
    sform counts before the qform, and a disagreement of the two is noted.

    Parameters
    ----------
    path : str or Path
        File to read.
    flat : bool, optional
        Whether an image without contrast is taken, such as a label map that is empty.

    Returns
    -------
    Volume
        Named after the file.

    Raises
    ------
    VolumeError
        The file is missing, damaged or not NIfTI; the image has several frames, colours, complex values, one slice
        only, no contrast, or no orientation.
    """
    path = Path(path)
    name = printable(path.name)
    if not os.path.isfile(path):  # noqa: PTH113 (Path's raises where a folder may not be looked into)
        raise VolumeError(f"{printable(path)}: there is no such file.", "Check the path.")
    image = _open(path)
    affine, notes = _orientation(image.header, name)
    _check_type(image.get_data_dtype(), name)
    data = _read(image, path)
    data, frame_notes = _single_frame(data, name)
    if not flat and suitability.is_flat(data):
        finding = suitability.flat(name)
        raise VolumeError(finding.message, finding.remedy)
    return Volume(data, affine, name, (*notes, *frame_notes))


def save_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume as NIfTI, whole or not at all.

    Both the sform and the qform are written; a sheared affine, which a qform cannot hold, is written as sform only.

    Parameters
    ----------
    path : str or Path
        File that ends in .nii or .nii.gz, in an existing folder.
    volume : Volume
        What to write. Types that NIfTI or other readers lack are written as the nearest wider or exact one.

    Raises
    ------
    OutputError
        The name has another suffix, or the file cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise OutputError(
            f"Cannot write {printable(path)}: the name must end in .nii or .nii.gz.", "Choose such a name."
        )
    image = nib.Nifti1Image(_storable(volume.data), volume.affine)
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=0 if has_shear(volume.affine) else 1)
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        nib.save(image, temporary)


def save_labels(path: str | Path, labels: NDArray[np.uint8], reference: Volume) -> None:
    """Write labels on the grid of the volume they belong to.

    Parameters
    ----------
    path : str or Path
        File that ends in .nii or .nii.gz, in an existing folder.
    labels : (x, y, z) uint8 array
        Labels on the grid of `reference`.
    reference : Volume
        Gives the affine.

    Raises
    ------
    OutputError
        The name has another suffix, or the file cannot be written.
    ValueError
        The shapes differ.
    """
    if labels.shape != reference.shape:
        raise ValueError(f"labels of shape {labels.shape} do not fit a volume of shape {reference.shape}")
    save_volume(path, Volume(labels.astype(np.uint8, copy=False), reference.affine, reference.source))


def _open(path: Path) -> nib.Nifti1Image:
    remedy = "Give a NIfTI file (.nii or .nii.gz); convert DICOM series first, for example in 3D Slicer."
    try:
        # Without a memory map, so that the file may be replaced while the volume lives.
        image = nib.load(path, mmap=False)
    except _UNREADABLE as error:
        raise VolumeError(printable(f"{path.name} cannot be read as NIfTI: {error}."), remedy) from error
    if not isinstance(image, nib.Nifti1Image):
        raise VolumeError(f"{printable(path.name)} is not a single-file NIfTI image.", remedy)
    return image


def _orientation(header: nib.Nifti1Header, name: str) -> tuple[Affine, tuple[str, ...]]:
    """Return the affine that counts, and what is to be said about it."""
    if header["sform_code"] > 0:
        affine = np.asarray(header.get_sform(), dtype=np.float64)
    elif header["qform_code"] > 0:
        try:
            affine = np.asarray(header.get_qform(), dtype=np.float64)
        except ValueError as error:
            raise VolumeError(
                f"{name}: the qform is damaged: {error}.", "Convert the original images again."
            ) from error
    else:
        raise VolumeError(
            f"{name}: the header holds no orientation (qform and sform codes are 0), so left and right cannot be told.",
            "Convert the original images again, or set the orientation in a tool that you trust.",
        )
    check_affine(affine, name)
    return affine, compare_forms(header)


def _check_type(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind == "c":
        raise VolumeError(f"{name} holds complex numbers.", "Save the magnitude image and give that.")
    if dtype.kind not in "uif":
        raise VolumeError(f"{name} holds colours, not intensities.", "Give the original grey-scale image.")


def _read(image: nib.Nifti1Image, path: Path) -> Array:
    """Return the voxels in native byte order, scaled only where the header says so."""
    try:
        data = _read_gzip(type(image), path) if path.suffix.lower() == ".gz" else _voxels(image)
    except _UNREADABLE as error:
        remedy = "The file is probably incomplete or damaged: copy or convert it again."
        raise VolumeError(printable(f"{path.name}: the voxels cannot be read: {error}."), remedy) from error
    if data.dtype.kind == "f" and data.dtype.itemsize > 8:
        return data.astype(np.float64)
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _read_gzip(kind: type[nib.Nifti1Image], path: Path) -> Array:
    """Read on to the end of the file, where the checksum stands that gzip compares: nibabel stops before it."""
    with gzip.open(path) as stream:
        data = _voxels(kind.from_stream(stream))
        while stream.read(1 << 20):
            pass
    return data


def _voxels(image: nib.Nifti1Image) -> Array:
    proxy = image.dataobj
    plain = (proxy.slope, proxy.inter) == (1, 0)
    return proxy.get_unscaled() if plain else np.asarray(proxy, dtype=np.float32)


def _single_frame(data: Array, name: str) -> tuple[Array, tuple[str, ...]]:
    """Return a 3D array, taking out the one frame of a 4D one."""
    shape = " x ".join(str(count) for count in data.shape)
    if data.size == 0 or data.ndim < 3 or min(data.shape[:3]) < 2:
        raise VolumeError(f"{name} is not a 3D image (its size is {shape or '0'}).", "Give a volume, not a slice.")
    if data.size != np.prod(data.shape[:3]):
        remedy = "Save one frame as a 3D image and give that."
        raise VolumeError(f"{name} holds several frames or components (its size is {shape}).", remedy)
    if data.ndim == 3:
        return data, ()
    return data.reshape(data.shape[:3], order="A"), (f"The one frame of a {data.ndim}D file ({shape}) was used.",)


def _storable(data: Array) -> Array:
    """Return the data in a type that NIfTI and other readers hold."""
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind == "f":
        return data.astype(np.float32 if data.dtype.itemsize <= 4 else np.float64, copy=False)
    if data.dtype.itemsize < 8:
        return data
    limits = np.iinfo(np.int32)
    fits = data.size == 0 or (data.min() >= limits.min and data.max() <= limits.max)
    return data.astype(np.int32 if fits else np.float64)
