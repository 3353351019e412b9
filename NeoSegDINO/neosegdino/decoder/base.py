"""The small interface of a decoding arm's head, and the registry of heads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from neosegdino.errors import BundleError
from neosegdino.spec import Shape


@dataclass(frozen=True)
class HeadShape:
    """What a head is built for.

    Attributes
    ----------
    channels : int
        Channels of a token.
    blocks : int
        Number of encoder blocks whose tokens come in.
    window : tuple of int
        Voxels of a window.
    tokens : tuple of int
        Tokens along x, y, z of a window.
    classes : int
        Scores per voxel, background included.
    """

    channels: int
    blocks: int
    window: Shape
    tokens: Shape
    classes: int


class Head(nn.Module):
    """Scores for one window from its tokens and its image.

    Attributes
    ----------
    together : int
        Windows that a forward pass without graph takes at once within the memory of one window's graph. More than one
        only in a head that draws no random numbers but those of dropout layers.
    """

    together: ClassVar[int] = 1

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, tokens: Iterable[Tensor], image: Tensor) -> Tensor:
        """Decode one batch of windows.

        Parameters
        ----------
        tokens : iterable of Tensor
            One per encoder block, ``(N, C, a, b, c)``, depth embedding included. Each is made when it is asked for, so
            that without a graph a head need not hold them all; they can be gone through once.
        image : Tensor
            ``(N, 1, x, y, z)``.

        Returns
        -------
        Tensor
            Scores before the softmax, ``(N, classes, x, y, z)``.
        """
        raise TypeError(f"{type(self).__name__} does not decode.")


HEADS: dict[str, Callable[..., Head]] = {}


def register(name: str) -> Callable[[type[Head]], type[Head]]:
    """Class decorator: make a head available to bundles under a name."""

    def add(head: type[Head]) -> type[Head]:
        HEADS[name] = head
        return head

    return add


def create_head(name: str, shape: HeadShape, **options: object) -> Head:
    """Build a registered head.

    Raises
    ------
    BundleError
        If the name is unknown or an option does not exist.
    """
    if name not in HEADS:
        raise BundleError(f"Unknown decoding arm '{name}'.", f"Choose one of: {', '.join(sorted(HEADS))}.")
    try:
        return HEADS[name](shape, **options)
    except TypeError as error:
        raise BundleError(f"The decoding arm '{name}' does not take these options: {error}.") from error
