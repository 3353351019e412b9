"""A frozen 2D ViT applied to every slice of a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neosegdino.errors import BundleError
from neosegdino.spec import EncoderSpec, Shape

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


def slice_axis(spec: EncoderSpec) -> int:
    """Axis of a RAS window that is the normal of the encoded slices."""
    return AXES[spec.axis]


class SliceEncoder(nn.Module):
    """Tokens of the chosen blocks for every slice of a window; never trained here.

    Parameters
    ----------
    spec : EncoderSpec
        Slice axis, slab, blocks and intensities.
    backbone : nn.Module
        A timm ViT from `neosegdino.backbone.create_backbone`.
    window : tuple of int
        Size of a window in voxels.
    upsampling : int, optional
        In place of the spec's (the coarse pass has its own).

    Raises
    ------
    BundleError
        If an upsampled slice is no multiple of the patch, the slab is even, or a block does not exist.
    """

    def __init__(self, spec: EncoderSpec, backbone: nn.Module, window: Shape, upsampling: int | None = None) -> None:
        super().__init__()
        self.spec = spec
        self.axis = slice_axis(spec)
        self.window = window
        self.upsampling = upsampling or spec.upsampling
        # Held in a list so that a backbone shared by two encoders is neither registered nor saved twice.
        self._backbone = [backbone]
        self.patch = int(cast(tuple[int, int], backbone.patch_embed.patch_size)[0])  # type: ignore[union-attr]
        self._check()

    @property
    def backbone(self) -> nn.Module:
        """The shared ViT."""
        return self._backbone[0]

    @property
    def channels(self) -> int:
        """Channels of a token."""
        return int(cast(int, self.backbone.num_features))

    @property
    def depth(self) -> int:
        """Slices of a window."""
        return self.window[self.axis]

    @property
    def token_grid(self) -> Shape:
        """Tokens along x, y, z of a window: one per slice along the slice axis."""
        x, y, z = (n if axis == self.axis else n * self.upsampling // self.patch for axis, n in enumerate(self.window))
        return x, y, z

    def slices(self, windows: Tensor) -> Tensor:
        """All slices of windows ``(N, 1, x, y, z)`` as ``(N * depth, slab, h, w)``, not yet upsampled."""
        stack = windows[:, 0].movedim(1 + self.axis, 1)
        reach = self.spec.slab // 2
        padded = torch.cat([stack[:, :1]] * reach + [stack] + [stack[:, -1:]] * reach, dim=1)
        slabs = padded.unfold(1, self.spec.slab, 1)  # (N, depth, h, w, slab)
        return slabs.permute(0, 1, 4, 2, 3).flatten(0, 1)

    def encode_slices(self, slices: Tensor) -> list[Tensor]:
        """Maps ``(n, C, h, w)`` of the chosen blocks for slices ``(n, slab, h, w)``; gradient flows if wanted."""
        size = [n * self.upsampling for n in slices.shape[2:]]
        pixels = F.interpolate(slices, size=size, mode="bilinear", align_corners=False)
        pixels = (pixels - self.spec.mean) / self.spec.std
        forward = cast(Callable[..., list[Tensor]], self.backbone.forward_intermediates)
        return forward(pixels, indices=list(self.spec.blocks), norm=True, intermediates_only=True, output_fmt="NCHW")

    @torch.no_grad()
    def forward(self, windows: Tensor, chunk: int = 16, on_chunk: Callable[[], None] | None = None) -> list[Tensor]:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor
            ``(N, 1, x, y, z)``, scaled intensities, 0 where there is nothing.
        chunk : int
            Slices encoded at a time: bounds the memory.
        on_chunk : callable, optional
            Called after every chunk (progress; may raise to cancel).

        Returns
        -------
        list of Tensor
            One per chosen block, ``(N, C, a, b, c)`` with ``(a, b, c)`` the token grid; no cls or register tokens.
        """
        slices = self.slices(windows)
        order, place = _without_repeats(slices)
        parts: list[list[Tensor]] = [[] for _ in self.spec.blocks]
        for start in range(0, len(order), chunk):
            for part, tokens in zip(parts, self.encode_slices(slices[order[start : start + chunk]]), strict=True):
                part.append(tokens)
            if on_chunk is not None:
                on_chunk()
        return [self._to_windows(torch.cat(part)[place], len(windows)) for part in parts]

    @torch.no_grad()
    def encode_whole(self, windows: Tensor) -> list[Tensor]:
        """Tokens as `forward` gives them, all slices at once, empty ones too: always the same shapes.

        Parameters
        ----------
        windows : Tensor
            ``(N, 1, x, y, z)``.
        """
        return [self._to_windows(part, len(windows)) for part in self.encode_slices(self.slices(windows))]

    def no_tokens(self, windows: Tensor) -> list[Tensor]:
        """Zeros in the place of tokens: what an arm gets that is to learn from the image alone."""
        return [windows.new_zeros(len(windows), self.channels, *self.token_grid)] * len(self.spec.blocks)

    def compile_blocks(self) -> None:
        """Compile the ViT's blocks, which are alike, so that one compilation does for all of them."""
        for block in cast(nn.ModuleList, self.backbone.blocks):
            block.compile(dynamic=False)

    def chunks(self, windows: Tensor, chunk: int) -> int:
        """Chunks that `forward` will encode, for progress."""
        order, _ = _without_repeats(self.slices(windows))
        return -(-len(order) // chunk)

    def _to_windows(self, maps: Tensor, count: int) -> Tensor:
        tokens: Tensor = maps.unflatten(0, (count, self.depth))  # (N, depth, C, h, w)
        return tokens.movedim(1, 2 + self.axis)

    def _check(self) -> None:
        plane = [n for axis, n in enumerate(self.window) if axis != self.axis]
        if any(n * self.upsampling % self.patch for n in plane):
            raise BundleError(
                f"Slices of {plane[0]}x{plane[1]} voxels upsampled {self.upsampling} times are no multiple of the "
                f"encoder's patch of {self.patch} pixels.",
                "Choose a window size or an upsampling that fits.",
            )
        if self.spec.slab % 2 == 0:
            raise BundleError(f"A slab of {self.spec.slab} slices has no middle slice.", "Choose an odd number.")
        depth = len(cast(nn.ModuleList, self.backbone.blocks))
        if any(block >= depth for block in self.spec.blocks):
            raise BundleError(f"The encoder has {depth} blocks; the bundle asks for {list(self.spec.blocks)}.")


def _without_repeats(slices: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of the slices to encode, and for every slice its place among them; empty slices are encoded once."""
    filled = slices.flatten(1).any(dim=1)
    keep = filled.clone()
    if not bool(filled.all()):
        keep[int((~filled).nonzero()[0])] = True
    order = keep.nonzero()[:, 0]
    place = keep.long().cumsum(0) - 1
    if not bool(filled.all()):
        place[~filled] = int(place[int((~filled).nonzero()[0])])
    return order, place
