"""What the ALBERT recipe does; the command line shares these names and defaults."""

from __future__ import annotations

from typing import Literal

from neosegdino.spec import Positive, Spec
from neosegdino.training.settings import FinetuneSettings

ContrastChoice = Literal["T1", "T2", "both"]


class AlbertOptions(Spec, frozen=True):
    """Options of the recipe."""

    contrast: ContrastChoice = "both"
    folds: Positive = 5
    seed: int = 1
    epochs: Positive = FinetuneSettings().epochs
    views: int = FinetuneSettings().views
    bundle: str | None = None
    device: str = "auto"
    exchange_sides: bool = False
