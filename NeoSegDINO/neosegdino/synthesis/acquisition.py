"""What a scanner does to an anatomy: resolution, slices, ringing and ghosts, bias, noise.

Blur, thick slices, truncated k-space and ghosts act along one axis at a time and are linear, so each axis of each
image gets one matrix that does them all at once; a batch of images costs three batched matrix products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from neosegdino.synthesis.draw import Draw


def acquire(draw: Draw, image: Tensor, spacing_mm: float) -> Tensor:
    """Degrade images ``(B, X, Y, Z)`` as acquisitions do; intensities about 0..1 in and out."""
    count = len(image)
    thick = draw.integer(0, 3, count)
    for axis in range(3):
        matrix = _axis_matrix(draw, image.shape[1 + axis], spacing_mm, thick == axis)
        image = torch.einsum("bij,b...j->b...i", matrix, image.movedim(1 + axis, -1)).movedim(-1, 1 + axis)
    image = image * _bias(draw, image)
    image = image.clamp(min=0) ** torch.exp(draw.normal(0.25, count, 1, 1, 1))
    return _noise(draw, image)


def _axis_matrix(draw: Draw, size: int, spacing_mm: float, thick: Tensor) -> Tensor:
    """Everything that happens along one axis, ``(B, size, size)``."""
    count = len(thick)
    blur = _gaussian(draw.uniform(0.05, 0.9, count) / spacing_mm, size)
    worst = draw.uniform(0, 1, count).square() * 2.2  # mostly near isotropic, up to 3 mm
    thickness = (torch.where(thick & draw.chance(0.5, count), 0.8 + worst, torch.zeros_like(worst))) / spacing_mm
    matrix = _slices(draw, thickness.clamp(min=1.0), size) @ blur
    matrix = _where(draw.chance(0.1, count), _ringing(draw, count, size), matrix)
    return _where(draw.chance(0.1, count), _ghost(draw, count, size), matrix)


def _where(apply: Tensor, extra: Tensor, matrix: Tensor) -> Tensor:
    return torch.where(apply[:, None, None], extra @ matrix, matrix)


def _rows(matrix: Tensor) -> Tensor:
    """Rows that sum to one: a constant image stays constant."""
    return matrix / matrix.sum(-1, keepdim=True)


def _distance(size: int, device: torch.device) -> Tensor:
    index = torch.arange(size, device=device, dtype=torch.float32)
    return index[:, None] - index[None]


def _gaussian(sigma: Tensor, size: int) -> Tensor:
    distance = _distance(size, sigma.device)
    return _rows(torch.exp(-0.5 * (distance / sigma.clamp(min=0.1)[:, None, None]).square()))


def _slices(draw: Draw, thickness: Tensor, size: int) -> Tensor:
    """Average into slices of a thickness (voxels, at least 1), then interpolate linearly back."""
    index = torch.arange(size, device=thickness.device, dtype=torch.float32)
    step = thickness[:, None]
    centres = (draw.uniform(0, 1, len(thickness), 1) + index) * step
    reach = (index - centres.clamp(max=size - 1)[..., None]) / step[..., None]
    average = _rows(torch.exp(-4 * torch.log(torch.tensor(2.0)) * reach.square()))
    interpolate = _rows((1 - (index[:, None] - centres[:, None]).abs() / step[..., None]).clamp(min=0) + 1e-9)
    exact = (thickness <= 1.0)[:, None, None]
    return torch.where(exact, torch.eye(size, device=thickness.device), interpolate @ average)


def _ringing(draw: Draw, count: int, size: int) -> Tensor:
    """Truncated k-space: convolution with a sinc (Gibbs)."""
    kept = draw.uniform(0.5, 0.95, count, 1, 1)
    return _rows(kept * torch.sinc(kept * _distance(size, draw.device)))


def _ghost(draw: Draw, count: int, size: int) -> Tensor:
    """A faint shifted copy, as motion between the lines of k-space leaves."""
    strength = draw.uniform(0.02, 0.15, count, 1, 1)
    shift = draw.integer(2, max(3, size // 3), count)[:, None, None]
    place = torch.arange(size, device=draw.device)
    copy = (place[:, None] == (place[None] + shift) % size).float()
    return (1 - strength) * torch.eye(size, device=draw.device) + strength * copy


def _bias(draw: Draw, image: Tensor) -> Tensor:
    strength = draw.uniform(0, 0.35, len(image), 1, 1, 1)
    shape = (image.shape[1], image.shape[2], image.shape[3])
    return torch.exp(draw.field(len(image), 1, shape, draw.knots(2, 5))[:, 0] * strength)


def _noise(draw: Draw, image: Tensor) -> Tensor:
    """Rician noise (the magnitude of complex Gaussian noise), with a grain in some images; in some a few hot voxels."""
    count = len(image)
    sd = draw.uniform(0, 1, count, 1, 1, 1).square() * 0.08
    grain = draw.uniform(0, 1, count, 1, 1, 1) * draw.chance(0.4, count, 1, 1, 1)
    real = image + sd * _grainy(draw, image.shape, grain)
    imaginary = sd * _grainy(draw, image.shape, grain)
    image = torch.where(
        draw.chance(0.5, count, 1, 1, 1), (real.square() + imaginary.square()).sqrt(), real.clamp(min=0)
    )
    hot = draw.chance(2e-5, *image.shape) & draw.chance(0.1, count, 1, 1, 1)
    return torch.where(hot, image + 2.0, image)


def _grainy(draw: Draw, shape: torch.Size, grain: Tensor) -> Tensor:
    """Gaussian noise of about unit variance; `grain` of it goes over several voxels, as interpolation leaves it."""
    white = draw.normal(1.0, *shape)
    coarse = 27**0.5 * F.avg_pool3d(white[:, None], 3, stride=1, padding=1)[:, 0]
    noise: Tensor = (1 - grain).sqrt() * white + grain.sqrt() * coarse
    return noise
