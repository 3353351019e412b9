"""What a NIfTI header says twice: whether its qform and its sform tell the same orientation."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from neosegdino.geometry import Affine, Grid

_MAX_ANGLE_DEG = 1.0
_MAX_SHIFT_MM = 0.5
_MAX_SHEAR = 1e-4
"""Largest cosine between two axes of a rotation, left for rounding in float32 headers."""


def has_shear(affine: Affine) -> bool:
    """Tell whether the axes of an affine are not at right angles, which a qform cannot hold."""
    directions = _directions(affine)
    return bool(np.abs(directions.T @ directions - np.eye(3)).max() > _MAX_SHEAR)


def compare_forms(header: nib.Nifti1Header) -> tuple[str, ...]:
    """Return notes on a disagreement of the qform and the sform of a header; the sform is the one used.

    Parameters
    ----------
    header : nibabel.Nifti1Header
        Header with the affines; nothing is said unless both codes are above 0.

    Returns
    -------
    tuple of str
        Empty, or one note. It begins with "Orientation conflict:" when the two put left and right, or the
        handedness, the other way round.
    """
    if header["sform_code"] <= 0 or header["qform_code"] <= 0:
        return ()
    sform = np.asarray(header.get_sform(), dtype=np.float64)
    try:
        qform = np.asarray(header.get_qform(), dtype=np.float64)
    except ValueError:
        return ("The qform of the header is damaged; the sform was used.",)
    if _sides_conflict(sform, qform):
        return (
            "Orientation conflict: the header's qform and sform put left and right the other way round. The sform was "
            "used; check the sides against the original images.",
        )
    angle, shift = _angle_deg(sform, qform), _shift_mm(sform, qform, header.get_data_shape()[:3])
    if angle > _MAX_ANGLE_DEG or shift > _MAX_SHIFT_MM:
        return (
            f"The header's qform and sform differ by {angle:.1f} degrees and up to {shift:.1f} mm; the sform was used.",
        )
    return ()


def _directions(affine: Affine) -> Affine:
    """Return the unit vectors of the array axes as columns."""
    directions: Affine = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return directions


def _sides_conflict(sform: Affine, qform: Affine) -> bool:
    """Tell whether going right in one means going left in the other, or the handedness differs."""
    first, second = _directions(sform), _directions(qform)
    return bool(first[0] @ second[0] < 0 or np.linalg.det(first) * np.linalg.det(second) < 0)


def _angle_deg(sform: Affine, qform: Affine) -> float:
    cosines = (_directions(sform) * _directions(qform)).sum(axis=0)
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())


def _shift_mm(sform: Affine, qform: Affine, shape: tuple[int, ...]) -> float:
    """Return the largest distance between the two places of a corner voxel."""
    sides = [(0, count - 1) for count in (*shape, 1, 1)[:3]]
    corners = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)
    size = (1, 1, 1)
    distances = Grid(size, sform).points(corners) - Grid(size, qform).points(corners)
    return float(np.linalg.norm(distances, axis=1).max())
