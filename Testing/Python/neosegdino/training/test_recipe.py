"""The starter's recipe as a file, and what is wrong in files of others."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from neosegdino.errors import TrainingError
from neosegdino.training.optimise import Schedule, TimedSchedule
from neosegdino.training.recipe import SHIPPED, STAGES, read_recipe


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_of_the_shipped_one_ends(name: str) -> None:
    stage = read_recipe().stages[name]
    ends = stage.schedule.share(stage.steps or 0, stage.seconds or 0.0)
    assert ends == 1
    assert stage.schedule.warmup == stage.warmup > 0


def test_a_stage_may_last_seconds() -> None:
    stage = read_recipe().locator
    timed = msgspec.structs.replace(stage, steps=None, seconds=60.0).schedule
    assert timed == TimedSchedule(0, stage.rate, stage.warmup, stage.weight_decay, seconds=60.0)
    stepped = msgspec.structs.replace(stage, steps=9, seconds=None).schedule
    assert stepped == Schedule(9, stage.rate, stage.warmup, stage.weight_decay)


def test_the_runs_of_a_stage_have_names_and_numbers() -> None:
    recipe = read_recipe()
    several = msgspec.structs.replace(recipe, arm=msgspec.structs.replace(recipe.arm, runs=3))
    assert several.runs("arm") == {"arm-1": 1, "arm-2": 2, "arm-3": 3}
    assert several.runs("encoder") == {"encoder": None}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\nimages = 20", "\nimages = 0", r"\$\.encoder\.images"),
        ("\nimages = 20", '\nimages = "many"', r"\$\.encoder\.images"),
        ("slices = 16", "", "the encoder needs `slices`"),
        ("images = 12", "images = 12\nimages_per_step = 3", "images_per_step"),
        ("images = 12", "images = 12\nsteps_ = 3", "steps_"),
        ("images = 12", "images = 12\nseconds = 60.0", r"either `steps` or `seconds`.*\$\.locator"),
        ("images = 12", "images = 11\nvolumes = 0.1", r"even number of `images`.*\$\.locator"),
        ("images = 12", "images = 11\nagreement = 0.1", r"even number of `images`.*\$\.locator"),
        ("images = 12", "images = 12\nparts = 0", r"\$\.locator\.parts"),
        ("images = 12", "images = 12\nruns = 0", r"\$\.locator\.runs"),
        ("images = 12", "images = 12\nruns = 2", "`locator` has one run"),
        ("slices = 16", "slices = 16\nruns = 2", "`encoder` has one run"),
        ("[image] ", "[image]\nruns = 2 ", "`image` has one run"),
        ("lenient = 0.3", "lenient = -0.3", r"\$\.shares"),
        ("lenient = 0.3", "lenient = 0.2", "`shares` do not sum to 1"),
        ("lenient = 0.3", "image = 0.3", "`shares` are of arm, lenient, strict, not of image"),
        ("seed = 1 ", "", "missing required field `seed`"),
        ("[16, 17, 18, 19]", "[15, 16]", r"heads \[15\] are trained on and measured on"),
        ("[16, 17, 18, 19]", "[]", r"\$\.measuring_heads"),
        ("[strict]", "[strict", "is wrong"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "own.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(TrainingError, match=message):
        read_recipe(tmp_path / "own.toml")


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none\.toml cannot be read"):
        read_recipe(tmp_path / "none.toml")
