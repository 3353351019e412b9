"""Where in an adult label map the voxels of a newborn view come from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neosegdino.synthesis.draw import Draw

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class View:
    """A field of view around the hippocampi.

    Attributes
    ----------
    shape : tuple of int
        Voxels.
    spacing_mm : float
        Isotropic voxel size.
    offset_mm : tuple of float
        Largest random offset of the view's centre from the middle of both hippocampi, per axis.
    rotation_deg : float
        Largest rotation about each axis.
    supersampling : int
        Images are made on a grid finer by this factor and averaged, as a coarse voxel averages what it covers.
    turned : float
        Share of images that are shown back to front, without a target: a model of where the hippocampi are learns to
        find nothing in a head that is not as its header says.
    cropped : float
        Share of images of which something was cut off on every side of the head, as an acquisition does that is centred
        on the brain.
    """

    shape: Shape
    spacing_mm: float
    offset_mm: tuple[float, float, float]
    rotation_deg: float = 20.0
    supersampling: int = 1
    turned: float = 0.0
    cropped: float = 0.0

    def fine(self) -> View:
        """The supersampled view over the same space."""
        x, y, z = (n * self.supersampling for n in self.shape)
        return replace(self, shape=(x, y, z), spacing_mm=self.spacing_mm / self.supersampling, supersampling=1)


SCALE = (1.15, 1.95)
"""Adult millimetres per newborn millimetre: brains of about 180 ml (30 weeks of gestation) to 850 ml."""


def sample_points(draw: Draw, view: View, hippocampi: Tensor) -> tuple[Tensor, Tensor]:
    """Map coordinates of every voxel of a batch of views.

    Parameters
    ----------
    draw : Draw
        Random numbers.
    view : View
        Field of view.
    hippocampi : Tensor
        ``(B, 2, 3)`` centroids in the maps.

    Returns
    -------
    points : Tensor
        ``(B, X, Y, Z, 3)`` in voxels (mm) of the maps.
    mirrored : Tensor
        ``(B,)`` bool; a mirrored view needs its sides' labels swapped.
    """
    count = len(hippocampi)
    mirrored = draw.chance(0.5, count)
    centre = hippocampi.mean(dim=1) + _jitter(draw, view, count)
    grid = _grid(view, draw.device)
    points = torch.einsum("bij,xyzj->bxyzi", _affine(draw, view, mirrored), grid) + centre[:, None, None, None]
    points = points + _elastic(draw, view, count)
    return _grow(draw, points, hippocampi), mirrored


def _jitter(draw: Draw, view: View, count: int) -> Tensor:
    reach = torch.tensor(view.offset_mm, device=draw.device) * sum(SCALE) / 2
    return draw.uniform(-1, 1, count, 3) * reach


def _grid(view: View, device: torch.device) -> Tensor:
    axes = [(torch.arange(n, device=device) - (n - 1) / 2) * view.spacing_mm for n in view.shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def _affine(draw: Draw, view: View, mirrored: Tensor) -> Tensor:
    """Random rotation, anisotropic scale, shear and mirror, ``(B, 3, 3)``."""
    count = len(mirrored)
    angles = draw.uniform(-1, 1, count, 3) * torch.pi * view.rotation_deg / 180
    scale = draw.uniform(*SCALE, count, 1) * draw.uniform(0.88, 1.12, count, 3)
    off_diagonal = 1 - torch.eye(3, device=draw.device)
    shear = torch.eye(3, device=draw.device) + draw.normal(0.05, count, 3, 3) * off_diagonal
    flip = torch.ones(count, 3, device=draw.device)
    flip[:, 0] = torch.where(mirrored, -1.0, 1.0)
    return torch.diag_embed(flip) @ _rotations(angles) @ torch.diag_embed(scale) @ shear


def _rotations(angles: Tensor) -> Tensor:
    """Rotation matrices ``(B, 3, 3)`` for angles about x, y and z in radians."""
    matrices = torch.eye(3, device=angles.device).expand(len(angles), 3, 3)
    for axis, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        turn = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
        cos, sin = angles[:, axis].cos(), angles[:, axis].sin()
        turn[:, i, i], turn[:, j, j], turn[:, i, j], turn[:, j, i] = cos, cos, -sin, sin
        matrices = matrices @ turn
    return matrices


def _elastic(draw: Draw, view: View, count: int) -> Tensor:
    """Smooth displacements in map millimetres, coarse and fine together, ``(B, X, Y, Z, 3)``."""
    coarse = draw.field(count, 3, view.shape, draw.knots(3, 6)) * draw.uniform(0, 5, count, 1, 1, 1, 1)
    fine = draw.field(count, 3, view.shape, draw.knots(6, 11)) * draw.uniform(0, 2, count, 1, 1, 1, 1)
    return (coarse + fine).permute(0, 2, 3, 4, 1)


def _grow(draw: Draw, points: Tensor, hippocampi: Tensor, reach_mm: float = 20.0) -> Tensor:
    """Enlarge the hippocampi: at birth they are larger, relative to the brain, than in an adult.

    A brain shrunk from 1300 to 350 ml would have hippocampi of 0.9 ml; newborns have 1.1 to 1.5 ml.
    """
    gain = draw.uniform(-0.05, 0.25, len(points), 2)
    for side in range(2):
        away = points - hippocampi[:, side, None, None, None]
        distance = torch.linalg.vector_norm(away, dim=-1, keepdim=True)
        weight = torch.exp(distance.square() / (-2 * reach_mm**2))
        points = points.addcmul(away, gain[:, side, None, None, None, None] * weight, value=-1)
    return points
