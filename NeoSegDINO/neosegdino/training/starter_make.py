"""The whole recipe of the starter, from label maps to the bundle; called again, it goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from neosegdino.bundle import Bundle
from neosegdino.errors import TrainingError
from neosegdino.files import atomic_path
from neosegdino.synthesis import newborn
from neosegdino.synthesis.label_maps import LabelMaps, load_label_maps, load_packed
from neosegdino.training import starter
from neosegdino.training.figures import load_figures
from neosegdino.training.recipe import Recipe
from neosegdino.training.stage_curves import draw_stages
from neosegdino.training.starter_bundle import NAME, assemble
from neosegdino.training.starter_card import CURVE
from neosegdino.training.starter_measure import measure

_RECIPE, _MAPS, _FIGURES = "recipe.json", "maps.npz", "figures.json"

Log = Callable[[str], None]


def make(source: Path, folder: Path, licence_text: str, recipe: Recipe, device: str, log: Log) -> Bundle:
    """Pack, train every stage, average, calibrate, measure, and put the bundle together.

    Every step that has ended leaves a stamp and is not done again; curves and bundle are made anew in any case.

    Parameters
    ----------
    source : Path
        Folder of label maps.
    folder : Path
        Takes everything, the bundle in a folder of its name; made where it is missing.
    licence_text : str
        Text of the Apache licence 2.0.
    recipe : Recipe
        Numbers of the run.
    device : str
        Torch device.
    log : callable
        Takes lines about the progress.

    Raises
    ------
    TrainingError
        The folder was begun with another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _keep_recipe(folder / _RECIPE, recipe)

    def once(name: str, work: Callable[[], object]) -> None:
        stamp = folder / f"{name}.done"
        log(f"{name}: done before" if stamp.exists() else f"{name} ...")
        if not stamp.exists():
            work()
            stamp.touch()

    once("pack", lambda: load_label_maps(source, maturities=newborn.MATURITIES).save(folder / _MAPS))
    maps = load_packed(folder / _MAPS)
    for stage in recipe.stages:
        for name, run in recipe.runs(stage).items():
            once(name, partial(_train, stage, run, maps, folder, recipe, device, stage_log(folder, name, log)))
        if stage not in recipe.runs(stage):
            once(stage, partial(starter.merge, stage, folder, recipe))
    once("average", lambda: starter.average(folder, recipe))
    once("calibrate", lambda: starter.calibrate(maps, folder, device, recipe.calibration_images, recipe))
    once("measure", lambda: measure(maps, folder, folder / _FIGURES, device, recipe.measuring_images, recipe))
    draw_stages(folder, [name for stage in recipe.stages for name in recipe.runs(stage)], folder / CURVE)
    return assemble(folder, folder / NAME, licence_text, load_figures(folder / _FIGURES), replace=True, recipe=recipe)


def _train(stage: str, run: int | None, maps: LabelMaps, folder: Path, recipe: Recipe, device: str, log: Log) -> None:
    start, compiled = starter.start_of(stage, folder), recipe.stages[stage].compiled
    starter.train(
        stage, maps, folder, recipe.seed, device, math.inf, log,
        run=run, start=start, compiled=compiled, recipe=recipe,
    )  # fmt: skip


def stage_log(folder: Path, stage: str, log: Log) -> Log:
    """Take the lines of a stage: told, and kept for its curve."""

    def keep(line: str) -> None:
        log(f"{stage}: {line}")
        with (folder / f"{stage}.log").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    return keep


def _keep_recipe(path: Path, recipe: Recipe) -> None:
    """Leave the recipe beside what it makes; what was begun with one is not gone on with by another."""
    content = msgspec.json.format(msgspec.json.encode(recipe), indent=2) + b"\n"
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    elif path.read_bytes() != content:
        raise TrainingError(
            f"{path.parent} was begun with another recipe ({path.name}).", "Choose another folder, or that recipe."
        )
