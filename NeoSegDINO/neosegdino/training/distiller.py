"""Student and teacher of self-distillation: DINO on whole slices, iBOT on hidden patches.

The teacher is the running average of the student and sees everything; the student, which does not see some patches,
learns to say what the teacher says (Caron et al. 2021, arXiv 2104.14294): of a slice as a whole what the teacher says
of another look at it, of a hidden patch what the teacher sees there (Zhou et al. 2022, arXiv 2111.07832). What is said
is a share in every one of many learned prototypes. That all prototypes get the same mass (Sinkhorn-Knopp, Caron et al.
2020, arXiv 2006.09882) keeps the two from agreeing on one answer for everything, and so does that slices keep apart
from their nearest neighbours (KoLeo, Sablayrolles et al. 2019, arXiv 1806.03198); DINOv2 does both.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neosegdino.synthesis.draw import Draw
from neosegdino.training.pretrain import last_block

PROTOTYPES = 1024
BOTTLENECK = 128
STUDENT_TEMPERATURE, TEACHER_TEMPERATURE = 0.1, 0.04
"""Of cosines; the teacher's answers are the sharper ones."""
ROUNDS = 3
SPREAD = 0.1
"""Weight of keeping apart, DINOv2's."""
HIDDEN_SHARE = (0.1, 0.5)
BLOCK = 2
"""Patches are hidden in blocks of 2x2: a single one could be guessed from the grey values at its border."""


class Projection(nn.Module):
    """Cosines of tokens and prototypes, through a small network with a bottleneck.

    It is normalised over the batch: at first a ViT's class token is nearly the same for all slices, as its layers begin
    scaled down to next to nothing, and without a difference in the answers there is nothing to learn from.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 4 * channels
        self.layers = nn.Sequential(
            *(nn.Linear(channels, wide), _batch_norm(wide), nn.GELU()),
            *(nn.Linear(wide, wide), _batch_norm(wide), nn.GELU()),
            nn.Linear(wide, BOTTLENECK),
        )
        self.prototypes = nn.Parameter(torch.randn(PROTOTYPES, BOTTLENECK))

    def forward(self, tokens: Tensor) -> Tensor:
        """``(n, C)`` to ``(n, PROTOTYPES)``."""
        return F.linear(F.normalize(self.layers(tokens), dim=-1), F.normalize(self.prototypes, dim=-1))


class Branch(nn.Module):
    """A ViT with a projection of the class token and one of patch tokens."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        channels = cast(int, backbone.num_features)
        self.backbone = backbone
        self.whole, self.patch = Projection(channels), Projection(channels)

    def tokens(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Class tokens ``(n, C)`` and patch tokens ``(n, C, h, w)`` of the last block."""
        ((maps, prefix),) = self.backbone.forward_intermediates(  # type: ignore[operator]
            pixels,
            indices=[last_block(self.backbone)],
            norm=True,
            intermediates_only=True,
            return_prefix_tokens=True,
            output_fmt="NCHW",
        )
        return prefix[:, 0], maps


class Distiller(nn.Module):
    """Student and teacher; only the student is trained.

    Parameters
    ----------
    backbone : nn.Module
        The student's ViT from `neosegdino.backbone.create_backbone`; the teacher gets a copy.
    """

    entropy: Tensor
    """Of the teacher's last answers on slices and on patches, relative to that of no answer at all."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.student = Branch(backbone).requires_grad_(True).train()
        self.teacher = copy.deepcopy(self.student).requires_grad_(False).eval()
        self.mask_token = nn.Parameter(torch.zeros(cast(int, backbone.num_features)))
        self.register_buffer("entropy", torch.ones(2))

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Move the teacher towards the student."""
        for own, other in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            own.lerp_(other, 1 - momentum)

    def forward(self, pixels: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of two looks at the same slices.

        Parameters
        ----------
        pixels : Tensor
            ``(2 n, slab, height, width)``: slices of the first look, then the same ones of the second.
        hidden : Tensor
            ``(2 n, h, w)`` bool: patches that the student does not see.

        Returns
        -------
        loss : Tensor
            Scalar: DINO's and iBOT's cross-entropy, and that slices keep apart.
        maps : Tensor
            The student's patch tokens ``(2 n, C, h, w)``.
        """
        with torch.no_grad():
            whole, maps = self.teacher.tokens(pixels)
            answers = sinkhorn(self.teacher.whole(whole))
            patch_answers = sinkhorn(self.teacher.patch(_picked(maps, hidden)))
            self.entropy.copy_(torch.stack([_entropy(answers), _entropy(patch_answers)]))
        with hiding(self.student.backbone, hidden, self.mask_token):
            whole, maps = self.student.tokens(pixels)
        half = len(answers) // 2
        loss = _cross_entropy(answers.roll(half, dims=0), self.student.whole(whole))
        loss = loss + SPREAD * (crowding(whole[:half]) + crowding(whole[half:]))
        loss = loss + _cross_entropy(patch_answers, self.student.patch(_picked(maps, hidden)))
        return loss, maps


def sinkhorn(cosines: Tensor) -> Tensor:
    """Answers ``(n, PROTOTYPES)`` that sum to one each, while all prototypes get nearly the same mass."""
    answers = (cosines.float() / TEACHER_TEMPERATURE).exp()
    for _ in range(ROUNDS):
        answers = answers / answers.sum(dim=0, keepdim=True)
        answers = answers / answers.sum(dim=1, keepdim=True)
    return answers


def crowding(tokens: Tensor) -> Tensor:
    """How near tokens ``(n, C)`` are to their nearest neighbours: minus the mean logarithm of the distance."""
    points = F.normalize(tokens.float(), dim=-1)
    with torch.no_grad():
        likeness = points @ points.T
        nearest = likeness.fill_diagonal_(-2).argmax(dim=1)
    return -F.pairwise_distance(points, points[nearest]).clamp(min=1e-8).log().mean()


def hide_blocks(draw: Draw, count: int, grid: tuple[int, int]) -> Tensor:
    """Patches ``(count, h, w)`` to hide: some blocks of every second slice, none of the others."""
    rows, columns = (-(-n // BLOCK) for n in grid)
    wanted = draw.uniform(*HIDDEN_SHARE, count, 1) * (rows * columns)
    rank = draw.uniform(0, 1, count, rows * columns).argsort(dim=1).argsort(dim=1)
    blocks = (rank < wanted.round().clamp(min=1)).unflatten(1, (rows, columns))
    blocks[1::2] = False
    return enlarge(blocks, BLOCK)[:, : grid[0], : grid[1]]


def enlarge(mask: Tensor, factor: int) -> Tensor:
    """``(n, h, w)`` to ``(n, h * factor, w * factor)``."""
    return mask.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)


@contextmanager
def hiding(backbone: nn.Module, hidden: Tensor, token: Tensor) -> Iterator[None]:
    """While this lasts a ViT gets `token` in place of its hidden patches."""

    def cover(_module: nn.Module, _inputs: object, patches: Tensor) -> Tensor:
        return torch.where(hidden[..., None], token.to(patches.dtype), patches)  # (n, h, w, C)

    handle = backbone.get_submodule("patch_embed").register_forward_hook(cover)
    try:
        yield
    finally:
        handle.remove()


def _batch_norm(channels: int) -> nn.Module:
    """By the batch's own statistics, in the teacher as well."""
    return nn.BatchNorm1d(channels, track_running_stats=False)


def _picked(maps: Tensor, hidden: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1)[hidden]


def _cross_entropy(answers: Tensor, cosines: Tensor) -> Tensor:
    shares = (cosines.float() / STUDENT_TEMPERATURE).log_softmax(dim=-1)
    return -(answers * shares).sum(dim=-1).mean()


def _entropy(answers: Tensor) -> Tensor:
    """Mean entropy of answers, from 0 (one prototype each) to 1 (all alike)."""
    entropy: Tensor = torch.special.entr(answers).sum(dim=-1).mean()
    return entropy / math.log(answers.shape[-1])
