"""Curves of the starter's stages, from logs as the training loop writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from neosegdino.errors import TrainingError
from neosegdino.training.optimise import Schedule, optimise
from neosegdino.training.stage_curves import draw_stages, read_log, scale
from PIL import Image
from torch import nn


def train(log: Path, checkpoint: Path, steps: int) -> list[str]:
    """Train a layer to be nothing, and log as a stage does."""
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    lines: list[str] = []
    optimise(layer, lambda _step: layer(torch.ones(3)).square().mean(), Schedule(steps, 1e-2), checkpoint, lines.append)
    with log.open("a") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    return lines


def test_every_line_of_a_real_log_is_a_point(tmp_path: Path) -> None:
    train(tmp_path / "a.log", tmp_path / "a.checkpoint", 250)
    points = read_log(tmp_path / "a.log")
    assert [step for step, _ in points] == [100, 200, 250]
    losses = [loss for _, loss in points]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1] >= 0


def test_a_stage_that_went_on_has_one_curve(tmp_path: Path) -> None:
    for steps in (150, 300):
        train(tmp_path / "a.log", tmp_path / "a.checkpoint", steps)
    assert [step for step, _ in read_log(tmp_path / "a.log")] == [100, 150, 200, 300]


def test_a_stage_begun_anew_leaves_its_first_curve_behind(tmp_path: Path) -> None:
    for name in ("one", "two"):
        train(tmp_path / "a.log", tmp_path / f"{name}.checkpoint", 300 if name == "one" else 120)
    assert [step for step, _ in read_log(tmp_path / "a.log")] == [100, 120]


def test_a_picture_has_a_panel_for_each_stage_that_was_logged(tmp_path: Path) -> None:
    """Three in a row."""
    sizes = []
    stages = ("encoder", "image", "arm", "lenient")
    for stage in stages:
        train(tmp_path / f"{stage}.log", tmp_path / f"{stage}.checkpoint", 120)
        draw_stages(tmp_path, (*stages, "locator"), tmp_path / "curve.png")
        with Image.open(tmp_path / "curve.png") as picture:
            assert picture.convert("L").getextrema() != (255, 255)
            sizes.append(picture.size)
    width, height = sizes[0]
    assert sizes == [(width, height), (2 * width, height), (3 * width, height), (3 * width, 2 * height)]
    with Image.open(tmp_path / "curve.png") as picture:
        empty = picture.convert("L").crop((width + 10, height + 10, 3 * width, 2 * height))
    assert empty.getextrema() == (255, 255), "no axes without a curve"
    assert (tmp_path / "curve.png").stat().st_size < 100_000


@pytest.mark.parametrize(("highest", "kind"), [(2.0, "linear"), (20.0, "log")])
def test_rare_high_losses_do_not_hide_the_others(highest: float, kind: str) -> None:
    assert scale([0.5, highest, 0.4, 0.6, 0.5]) == kind


def test_without_a_log_there_is_nothing_to_draw(tmp_path: Path) -> None:
    (tmp_path / "encoder.log").write_text("nothing of a loss\n")
    with pytest.raises(TrainingError, match="holds no log of a stage"):
        draw_stages(tmp_path, ("encoder",), tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()
