"""The whole recipe from label maps to a bundle, in little, stopped and gone on with."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from fake_heads import head_labels, write_map
from neosegdino.bundle import load_bundle
from neosegdino.errors import DeviceError, TrainingError
from neosegdino.synthesis.newborn import Maturity
from neosegdino.training import starter_make
from neosegdino.training.checkpoint import State, write_checkpoint
from neosegdino.training.recipe import STAGES, read_recipe
from neosegdino.training.starter_bundle import NAME
from neosegdino.training.starter_cli import main
from neosegdino.training.starter_measure import maps_in_words
from small_recipe import SMALL_RECIPE

pytestmark = pytest.mark.usefixtures("small_recipe")
STEPS = ("pack", "encoder", "image", "arm-1", "arm-2", *STAGES[2:], "average", "calibrate", "measure")


@pytest.fixture
def heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three label maps, of which one maturity is made."""
    monkeypatch.setattr("neosegdino.synthesis.newborn.MATURITIES", (Maturity("old"),))
    (tmp_path / "heads").mkdir()
    for number in range(3):
        write_map(tmp_path / "heads" / f"{number}.nii.gz", head_labels(1 + 0.05 * number))
    return tmp_path / "heads"


def make(heads: Path, out: Path, recipe: Path = SMALL_RECIPE, device: str = "cpu") -> Result:
    licence = heads.parent / "LICENSE"
    licence.write_text("Apache License\n")
    words = ["make", heads, out, "--licence", licence, "--recipe", recipe, "--device", device]
    return CliRunner().invoke(main, [str(word) for word in words])


def test_made_once_and_told_so_the_second_time(heads: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = make(heads, out)
    assert first.exit_code == 0, first.output
    made = load_bundle(out / NAME)
    assert {"worst.png", "curve.png", "CARD.md", "NOTICE.md", "LICENSE.txt"} < set(made.spec.files)
    assert {row.count for row in made.spec.accuracy if row.metric.startswith("Dice")} == {3}
    assert all(row.data.endswith("label maps 3") for row in made.spec.accuracy)
    times = {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name not in (NAME, "curve.png")}
    second = make(heads, out)
    assert second.exit_code == 0, second.output
    assert second.output.splitlines()[:-1] == [f"{step}: done before" for step in STEPS]
    assert times == {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name in times}
    assert load_bundle(out / NAME).spec == made.spec


def test_stopped_in_a_stage_it_goes_on_there_to_the_same_weights(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint after every two steps; the run is stopped at the lenient stage's first."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert make(heads, whole).exit_code == 0

    class Clock:
        seconds = itertools.count()

        @classmethod
        def monotonic(cls) -> float:
            return next(cls.seconds)

    def stop(path: Path, state: State) -> None:
        write_checkpoint(path, state)
        if path.stem == "lenient":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("neosegdino.training.optimise.time", Clock)
        patch.setattr("neosegdino.training.optimise.CHECKPOINT_S", 3.0)
        patch.setattr("neosegdino.training.optimise.write_checkpoint", stop)
        with pytest.raises(KeyboardInterrupt):
            starter_make.make(heads, out, "Apache License\n", read_recipe(SMALL_RECIPE), "cpu", print)
    assert torch.load(out / "lenient.checkpoint")["step"] == 2
    assert {path.stem for path in out.glob("*.done")} == {"pack", "encoder", "image", "arm-1", "arm-2", "arm"}
    result = make(heads, out)
    assert result.exit_code == 0, result.output
    assert "arm: done before\nlenient ...\nlenient: 4 steps" in result.output
    for stage in (*STAGES, "decoder"):
        assert (out / f"{stage}.safetensors").read_bytes() == (whole / f"{stage}.safetensors").read_bytes()
    assert load_bundle(out / NAME).spec.accuracy == load_bundle(whole / NAME).spec.accuracy


def test_another_recipe_is_refused(heads: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "recipe.json").write_text("{}")
    result = make(heads, out)
    assert result.exit_code == TrainingError.exit_code
    assert "was begun with another recipe" in result.output
    assert [path.name for path in out.iterdir()] == ["recipe.json"]


def test_a_wrong_recipe_is_told_before_anything_is_done(heads: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("seed = true")
    result = make(heads, tmp_path / "out", tmp_path / "own.toml")
    assert result.exit_code == TrainingError.exit_code
    assert "The recipe" in result.output
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_told_before_anything_is_done(heads: Path, tmp_path: Path) -> None:
    result = make(heads, tmp_path / "out", device="cuda:99")
    assert result.exit_code == DeviceError.exit_code
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("heads", "words"), [((16, 17, 18, 19), "17 to 20"), ((2,), "3"), ((0, 1), "1, 2"), ((4, 1, 2), "2, 3, 5")]
)
def test_maps_are_named_by_their_place(heads: tuple[int, ...], words: str) -> None:
    assert maps_in_words(heads) == f"label maps {words}"
