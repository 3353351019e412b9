"""Typed form of the starter's recipe, ``recipe.toml``; a file of the same form can take its place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import msgspec

from neosegdino.errors import TrainingError
from neosegdino.spec import Positive, PositiveFloat, Spec
from neosegdino.training.optimise import Schedule, TimedSchedule

SHIPPED = Path(__file__).with_name("recipe.toml")
Count = Annotated[int, msgspec.Meta(ge=0)]
STAGES = ("encoder", "image", "arm", "lenient", "strict", "locator")
"""The training runs, in order."""
AVERAGED = ("arm", "lenient", "strict")
"""Stages that leave weights of the same arm, which the decoder is an average of."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Heads = Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)]


class Stage(Spec, frozen=True, kw_only=True):
    """One training run: its length, rates, and images per step."""

    steps: Positive | None = None
    """Optimiser steps in all."""
    seconds: PositiveFloat | None = None
    """In place of steps, see `TimedSchedule`."""
    rate: PositiveFloat
    warmup: Count
    weight_decay: Annotated[float, msgspec.Meta(ge=0)]
    images: Positive
    """Windows per part of a step."""
    parts: Positive = 1
    """Parts of a step, which its gradient is the mean of; several GPUs share them."""
    runs: Positive = 1
    """Trainings that begin alike, on images of their own; their weights' average is the stage's (`AVERAGED` only)."""
    slices: Count = 0
    """Random slices of each window shown to the encoder (encoder stage only)."""
    agreement: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Weight of the disagreement between a T1 and a T2 of the same anatomy, see `fit_arm` (arms only)."""
    volumes: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Weight of how far the volumes of these two answers are apart (arms only)."""
    compiled: bool = False
    """See `fit_arm` (arms only)."""

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("a stage has either `steps` or `seconds`")
        if (self.agreement or self.volumes) and self.images % 2:
            raise ValueError("a stage with `agreement` or `volumes` has an even number of `images`, two of each head")

    @property
    def schedule(self) -> Schedule:
        """Steps, or seconds, and rates."""
        rates = (self.rate, self.warmup, self.weight_decay)
        if self.seconds is not None:
            return TimedSchedule(0, *rates, seconds=self.seconds)
        return Schedule(self.steps or 0, *rates)


class Recipe(Spec, frozen=True, kw_only=True):
    """All numbers of the starter bundle."""

    training_heads: Heads
    """Heads that are trained on, in all maturities."""
    measuring_heads: Heads
    """Heads that are never trained on."""
    seed: int
    calibration_seed: int
    calibration_images: Positive
    measuring_seed: int
    measuring_images: Positive
    encoder: Stage
    image: Stage
    """The arm without the encoder."""
    arm: Stage
    """The arm above the encoder, from where `image` has left it."""
    lenient: Stage
    """The arm from where `arm` has left it, asked to answer alike to a T1 and a T2 of a head."""
    strict: Stage
    """The arm from where `lenient` has left it, asked for it with more weight."""
    locator: Stage
    shares: dict[str, Share]
    """Shares of the stages `AVERAGED` in the decoder that is shipped."""

    def __post_init__(self) -> None:
        for name, stage in self.stages.items():
            if stage.runs > 1 and name not in AVERAGED:
                raise ValueError(f"`{name}` has one run: several are for {', '.join(AVERAGED)}")
        if both := set(self.training_heads) & set(self.measuring_heads):
            raise ValueError(f"heads {sorted(both)} are trained on and measured on")
        if not self.encoder.slices:
            raise ValueError("the encoder needs `slices`")
        if unknown := set(self.shares) - set(AVERAGED):
            raise ValueError(f"`shares` are of {', '.join(AVERAGED)}, not of {', '.join(sorted(unknown))}")
        if not math.isclose(sum(self.shares.values()), 1):
            raise ValueError("the `shares` do not sum to 1")

    @property
    def stages(self) -> dict[str, Stage]:
        """The training runs by name, in order."""
        return {name: getattr(self, name) for name in STAGES}

    def runs(self, stage: str) -> dict[str, int | None]:
        """The runs of a stage: the name of what each leaves, and its number, or none where there is only one."""
        count = self.stages[stage].runs
        return {f"{stage}-{run}": run for run in range(1, count + 1)} if count > 1 else {stage: None}


def read_recipe(path: Path = SHIPPED) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    TrainingError
        It cannot be read, is not TOML, or a field is missing, unknown or out of its limits (the message names it).
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Recipe)
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror or error}.", "Check the recipe's name.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"The recipe {path} is wrong: {error}.", f"Correct it; {SHIPPED} shows how.") from error
