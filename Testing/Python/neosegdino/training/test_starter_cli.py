"""The commands that make the starter again, on small heads with the small recipe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from fake_heads import head_labels, write_map
from neosegdino.bundle import load_bundle
from neosegdino.errors import TrainingError
from neosegdino.planes import PIXELS
from neosegdino.synthesis.gallery import ZOOM
from neosegdino.synthesis.label_maps import LabelMaps, load_packed
from neosegdino.synthesis.newborn import Maturity
from neosegdino.training import measure_heads as heads
from neosegdino.training.figures import load_figures
from neosegdino.training.measure_heads import HeadResult
from neosegdino.training.recipe import STAGES
from neosegdino.training.starter_bundle import LARGEST_PICTURE
from neosegdino.training.starter_cli import main
from PIL import Image
from small_recipe import SIZE, SMALL_RECIPE

pytestmark = pytest.mark.usefixtures("small_recipe")


@pytest.fixture(scope="module")
def packed(maps: LabelMaps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "maps.npz"
    maps.save(path)
    return path


@pytest.fixture
def folder(weights: Path, tmp_path: Path) -> Path:
    """Trained weights that a command may add to."""
    for stage in (*STAGES, "decoder"):
        (tmp_path / f"{stage}.safetensors").write_bytes((weights / f"{stage}.safetensors").read_bytes())
    return tmp_path


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_pack_takes_every_head_in_every_maturity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neosegdino.synthesis.newborn.MATURITIES", (Maturity("old"), Maturity("wide", 0.0, 1)))
    write_map(tmp_path / "a.nii.gz", head_labels())
    run("pack", tmp_path, tmp_path / "maps.npz")
    maps = load_packed(tmp_path / "maps.npz")
    assert maps.names == ("a.nii.gz, old", "a.nii.gz, wide")
    assert maps.heads == (0, 0)


def test_train_goes_on_from_weights_and_keeps_a_log(packed: Path, folder: Path) -> None:
    start = folder / "start.safetensors"
    start.write_bytes((folder / "lenient.safetensors").read_bytes())
    said = run("train", "lenient", packed, "--out", folder, "--device", "cpu", "--steps", 100, "--begin-with", start)
    assert "lenient: step 100 loss" in said
    assert "lenient: finished after" in said
    assert (folder / "lenient.log").read_text().startswith("step 100 loss")
    assert (folder / "lenient.safetensors").read_bytes() != start.read_bytes()
    run("curve", folder, folder / "curve.png")
    with Image.open(folder / "curve.png") as picture:
        assert picture.format == "PNG"


def test_train_takes_another_recipe(packed: Path, folder: Path) -> None:
    text = SMALL_RECIPE.read_text()
    (folder / "own.toml").write_text(text.replace("[image]\nsteps = 4", "[image]\nparts = 2\nsteps = 3"))
    before = (folder / "image.safetensors").read_bytes()
    (folder / "image.checkpoint").unlink(missing_ok=True)
    words = ("train", "image", packed, "--out", folder, "--device", "cpu", "--recipe", folder / "own.toml")
    assert "image: 3 steps" in run(*words)
    assert (folder / "image.safetensors").read_bytes() != before
    (folder / "own.toml").write_text(text.replace("[image]\n", "[image]\nparts = 0\n"))
    result = call(*words[:4], folder / "new", *words[5:])
    assert result.exit_code == TrainingError.exit_code
    assert "$.image.parts" in result.output
    assert not (folder / "new").exists()


def test_the_time_limit_counts_what_comes_before_the_first_step(packed: Path, tmp_path: Path) -> None:
    said = run("train", "image", packed, "--out", tmp_path, "--device", "cpu", "--limit-s", 0.002)
    assert "image: stopped at the time limit" in said
    assert "steps in" not in said  # what was read before took longer
    assert (tmp_path / "image.checkpoint").is_file()


def test_images_are_drawn_by_the_recipes_seed_unless_another_is_given(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(SMALL_RECIPE.read_text().replace("\nseed = 1\n", "\nseed = 5\n"))
    trained = {}
    for name, words in (("shipped", ()), ("own", ("--recipe", tmp_path / "own.toml")), ("given", ("--seed", 5))):
        run("train", "image", packed, "--out", tmp_path / name, "--device", "cpu", *words)
        trained[name] = (tmp_path / name / "image.safetensors").read_bytes()
    assert trained["own"] == trained["given"] != trained["shipped"]


def test_calibrating_and_measuring_take_another_recipe(packed: Path, folder: Path) -> None:
    """The small recipe measures 3 images, drawn by 12345."""
    text = SMALL_RECIPE.read_text().replace("measuring_images = 3", "measuring_images = 1")
    (folder / "fewer.toml").write_text(text)
    (folder / "others.toml").write_text(text.replace("measuring_seed = 12345", "measuring_seed = 7"))
    words = ("--out", folder, "--device", "cpu")
    said = {}
    for name, more in (
        ("shipped", ("--count", 1)),
        *((n, ("--recipe", folder / f"{n}.toml")) for n in ("fewer", "others")),
    ):
        run("measure", packed, *words, "--figures", folder / f"{name}.json", "--stage", "image", *more)
        rows = load_figures(folder / f"{name}.json")
        assert {row.count for row in rows} <= {0, 1}
        said[name] = [row.mean for row in rows]
    assert said["shipped"] == said["fewer"] != said["others"]
    (folder / "wrong.toml").write_text(text.replace("calibration_images = 2", "calibration_images = 0"))
    result = call("calibrate", packed, *words, "--recipe", folder / "wrong.toml")
    assert result.exit_code == TrainingError.exit_code
    assert "$.calibration_images" in result.output


def test_a_run_of_a_stage_has_a_log_of_its_own_and_is_merged(packed: Path, folder: Path) -> None:
    words = ("train", "arm", packed, "--out", folder, "--device", "cpu")
    for number in (1, 2):
        start = folder / "image.safetensors"
        assert f"arm-{number}: 4 steps" in run(*words, "--run", number, "--begin-with", start)
        assert (folder / f"arm-{number}.log").read_text().startswith("4 steps")
    before = (folder / "arm.safetensors").read_bytes()
    assert run("merge", "arm", folder) == "arm-1, arm-2\n"
    assert (folder / "arm.safetensors").read_bytes() != before
    result = call(*words, "--run", 3)
    assert result.exit_code == TrainingError.exit_code
    assert "There is no run 3 of arm: the recipe gives the stage 2." in result.output
    assert not (folder / "arm-3.safetensors").exists()
    run("curve", folder, folder / "curve.png")


def test_average_leaves_the_decoder_and_tells_the_shares(folder: Path) -> None:
    decoder = folder / "decoder.safetensors"
    before = decoder.read_bytes()
    decoder.unlink()
    assert run("average", folder) == "0.5 arm, 0.25 lenient, 0.25 strict\n"
    assert decoder.read_bytes() == before
    text = SMALL_RECIPE.read_text().replace("arm = 0.5", "arm = 0.25").replace("strict = 0.25", "strict = 0.5")
    (folder / "own.toml").write_text(text)
    assert run("average", folder, "--recipe", folder / "own.toml") == "0.25 arm, 0.25 lenient, 0.5 strict\n"
    assert decoder.read_bytes() != before


@pytest.mark.parametrize("option", [["--compiled"], ["--begin-with", "decoder.safetensors"]], ids=lambda o: o[0])
def test_options_of_an_arm_are_refused_for_the_encoder(packed: Path, folder: Path, option: list[str]) -> None:
    words = [str(folder / word) if word.endswith("safetensors") else word for word in option]
    result = call("train", "encoder", packed, "--out", folder / "new", "--device", "cpu", *words)
    assert result.exit_code == 2
    assert "train another stage with them" in result.output
    assert not (folder / "new").exists()


def test_the_arm_without_encoder_is_measured_as_such(packed: Path, folder: Path) -> None:
    """Its figures cannot be taken for the bundle's, and the arm's temperature is not its own."""
    run("calibrate", packed, "--out", folder, "--device", "cpu", "--count", 2)
    figures = folder / "alone.json"
    run("measure", packed, "--out", folder, "--figures", figures, "--device", "cpu", "--count", 2, "--stage", "image")
    rows = load_figures(figures)
    assert all(row.data.endswith("arm without encoder") and row.command.endswith("--stage image") for row in rows)
    assert [row.note.endswith("temperature 1.0, not fitted") for row in rows if "calibration" in row.metric] == [True]
    assert not (folder / "worst.png").exists(), "the card's picture is of the decoder"


def test_calibrate_measure_and_bundle(packed: Path, folder: Path) -> None:
    """The temperature that was fitted is measured with, and goes with its figures into the bundle."""
    temperature = float(run("calibrate", packed, "--out", folder, "--device", "cpu", "--count", 2).split()[-1])
    assert json.loads((folder / "temperature.json").read_text()) == temperature
    figures = folder / "figures.json"
    for count in (2, 3):
        said = run("measure", packed, "--out", folder, "--figures", figures, "--device", "cpu", "--count", count)
    rows = {row.metric: row for row in load_figures(figures)}
    assert {"Dice, left", "Dice, right", "expected calibration error"} <= set(rows)
    assert rows["Dice, left"].count == rows["expected calibration error"].count == 3
    assert 0 <= rows["expected calibration error"].mean <= 1
    assert f"temperature {temperature}, fitted on other images" in rows["expected calibration error"].note
    assert all(row.metric in said and row.held_out for row in rows.values())
    licence = folder / "LICENSE"
    licence.write_text("Apache License\n")
    run("bundle", folder, folder / "made", "--licence", licence, "--figures", figures)
    spec = load_bundle(folder / "made").spec
    assert spec.temperature == temperature
    assert {row.metric: row for row in spec.accuracy} == rows
    card = (folder / "made" / "CARD.md").read_text(encoding="utf-8")
    assert "expected calibration error" in card
    assert "![Known failures](worst.png)" in card
    assert "curve.png" not in card, "a picture that is not there"
    assert 0 < spec.files["worst.png"].bytes <= LARGEST_PICTURE
    with Image.open(folder / "worst.png") as picture, Image.open(folder / "made" / "worst.png") as small:
        assert picture.height > 3 * PIXELS, "a row for each of the three images"
        assert small.width / small.height == pytest.approx(picture.width / picture.height, rel=0.01)


def test_measure_heads_counts_what_was_found_doubted_and_misled(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [
        HeadResult(0, (0.9, 0.8), 2.0, True, False),
        HeadResult(1, (0.7, 0.8), 3.0, True, False),
        HeadResult(2, (0.5, 0.5), float("inf"), False, False),
        HeadResult(3, (0.0, 0.0), 90.0, True, False),
        HeadResult(4, (0.4, 0.4), 1.0, True, True),
    ]
    asked: list[object] = []

    def measure(*arguments: object) -> list[HeadResult]:
        asked.extend(arguments[:-1])
        return results

    monkeypatch.setattr(heads, "measure_heads", measure)
    figures = tmp_path / "figures.json"
    said = run("measure-heads", packed, "--count", 5, "--workers", 3, "--seed", 8, "--figures", figures)
    assert asked == [packed, None, 5, 8, "cpu", 3]
    rows = {row.metric: row for row in load_figures(figures)}
    assert list(rows) == ["Dice, left", "Dice, right", "located"]
    assert (rows["Dice, left"].mean, rows["Dice, right"].mean) == (0.5, 0.5)
    assert (rows["located"].mean, rows["located"].count) == (0.4, 5)
    assert rows["located"].note == "2 located within 15 mm, 1 said to be unsure, 2 misled"
    assert rows["located"].note in said


def test_gallery_draws_pairs_of_training_images(packed: Path, tmp_path: Path) -> None:
    run("gallery", packed, tmp_path / "sheet.png", "--pairs", 2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * ZOOM * SIZE[2], 6 * ZOOM * SIZE[0], 3)
    assert (sheet.min(axis=2) != sheet.max(axis=2)).any(), "nothing is outlined"
    again = tmp_path / "again.png"
    run("gallery", packed, again, "--pairs", 2)
    assert again.read_bytes() == (tmp_path / "sheet.png").read_bytes()


def test_a_file_is_split_and_joined(tmp_path: Path) -> None:
    (tmp_path / "a.checkpoint").write_bytes(b"all of it")
    assert "pieces: 1" in run("split", tmp_path / "a.checkpoint", tmp_path / "pieces")
    assert "a.checkpoint, 0.0 MB" in run("join", tmp_path / "pieces", tmp_path / "b.checkpoint")
    assert (tmp_path / "b.checkpoint").read_bytes() == b"all of it"
    (tmp_path / "pieces" / "0000.piece").write_bytes(b"other")
    result = call("join", tmp_path / "pieces", tmp_path / "c.checkpoint")
    assert result.exit_code == TrainingError.exit_code
    assert "is damaged or of another file" in result.output
