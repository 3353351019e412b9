"""The recipe of the starter with a short encoder, small windows and a few steps; the third head is held out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import starter
from neosegdino.training.recipe import read_recipe
from small_networks import SMALL

SIZE = (16, 16, 16)
SMALL_RECIPE = Path(__file__).with_name("small_recipe.toml")


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchange the recipe's settings."""
    decoder = msgspec.structs.replace(starter.DECODER, options={"channels": [4, 8, 8, 8], "dropout": 0.2})
    locator = msgspec.structs.replace(starter.LOCATOR.decoder, options={"channels": [4, 8, 8], "dropout": 0.2})
    changes = {
        "RECIPE": read_recipe(SMALL_RECIPE),
        "ENCODER": msgspec.structs.replace(starter.ENCODER, blocks=(0, 1), options=SMALL),
        "WINDOWS": msgspec.structs.replace(starter.WINDOWS, size=SIZE),
        "DECODER": decoder,
        "LOCATOR": msgspec.structs.replace(starter.LOCATOR, size=SIZE, decoder=locator),
        "NEAR": View(SIZE, 3.0, (2.0, 2.0, 2.0)),
        "DECODER_VIEWS": (View(SIZE, 3.0, (2.0, 2.0, 2.0)), View(SIZE, 3.0, (9.0, 9.0, 9.0))),
        "ANYWHERE": View(SIZE, 3.0, (9.0, 9.0, 9.0)),
        "HEAD": View(SIZE, 6.0, (2.0, 2.0, 2.0), supersampling=2, turned=0.3, cropped=0.3),
    }
    for name, value in changes.items():
        monkeypatch.setattr(starter, name, value)


def train(stage: str, maps: LabelMaps, folder: Path, steps: int | None = None, **options: object) -> bool:
    """Train one stage of the small recipe from where the one before has left it, if that has run."""
    start = starter.start_of(stage, folder)
    if start is not None and start.exists():
        options.setdefault("start", start)
    return starter.train(stage, maps, folder, 1, "cpu", 1e9, print, steps, **options)  # type: ignore[arg-type]
