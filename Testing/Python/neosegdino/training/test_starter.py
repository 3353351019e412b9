"""The recipe of the starter, run from label maps to a bundle with small settings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from neosegdino.bundle import load_bundle
from neosegdino.bundle_store import DEFAULT, find_bundle
from neosegdino.errors import BundleError, OutputError, TrainingError
from neosegdino.loading import load_models
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.generator import Batch, Generator
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import fit_arm, starter, starter_bundle
from neosegdino.training.calibration import TEMPERATURES
from neosegdino.training.fit_arm import PAIR
from neosegdino.training.losses import disagreement, volumes_apart
from neosegdino.training.recipe import STAGES
from neosegdino.training.starter_bundle import LARGEST_PICTURE, assemble
from neosegdino.training.supply import Shown, Supply
from PIL import Image
from safetensors.torch import load_file
from small_recipe import train
from torch import Tensor

pytestmark = pytest.mark.usefixtures("small_recipe")


def test_every_stage_leaves_its_weights_in_half_precision(weights: Path) -> None:
    for stage in (*STAGES, "decoder"):
        assert {t.dtype for t in load_file(weights / f"{stage}.safetensors").values()} == {torch.float16}
        assert all(t.dtype == torch.float32 for t in starter.load_weights(weights / f"{stage}.safetensors").values())


def test_a_full_disk_is_an_output_error_and_leaves_the_old_weights(
    tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "image.safetensors"
    starter.save_weights({"weight": torch.ones(2)}, path)
    with full_disk(), pytest.raises(OutputError, match=r"image\.safetensors.*File too large"):
        starter.save_weights({"weight": torch.zeros(1 << 16)}, path)
    assert torch.equal(starter.load_weights(path)["weight"], torch.ones(2))
    assert list(tmp_path.iterdir()) == [path]


def test_training_changes_the_encoder_in_its_stage_alone(weights: Path, maps: LabelMaps, tmp_path: Path) -> None:
    encoder = (weights / "encoder.safetensors").read_bytes()
    (tmp_path / "encoder.safetensors").write_bytes(encoder)
    train("arm", maps, tmp_path)
    assert (tmp_path / "encoder.safetensors").read_bytes() == encoder
    torch.manual_seed(1)
    start = starter.create_backbone(starter.ENCODER).state_dict()
    now = starter.load_weights(weights / "encoder.safetensors")
    assert any((now[name] - start[name]).abs().max() > 1e-4 for name in now)


@pytest.mark.parametrize("stage", ["encoder", "image", "arm", "strict"])
def test_a_stage_in_pieces_equals_an_uninterrupted_one(
    stage: str, weights: Path, maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images and dropout go on where they stopped: the pieces do not see the first images again."""
    (tmp_path / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
    for limit in (-1.0, 0.0, 1e9):  # nothing, then at least nothing more than the clock allows, then all
        seconds = chain([0.0, 0.0, 0.0], repeat(1.0 if limit == 0.0 else 0.0))

        class Clock:
            @staticmethod
            def monotonic(seconds: object = seconds) -> float:
                return next(seconds)  # type: ignore[call-overload, no-any-return]

        monkeypatch.setattr("neosegdino.training.optimise.time", Clock)
        limit_s, start = limit if limit != 0.0 else 0.5, starter.start_of(stage, weights)
        done = starter.train(stage, maps, tmp_path, 1, "cpu", limit_s, print, start=start)
        assert done is (limit == 1e9)
        if limit == 0.0:
            assert torch.load(tmp_path / f"{stage}.checkpoint")["step"] == 2
    whole, pieces = (load_file(folder / f"{stage}.safetensors") for folder in (weights, tmp_path))
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


def test_the_number_of_steps_can_be_set(weights: Path, maps: LabelMaps, tmp_path: Path) -> None:
    (tmp_path / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
    assert train("locator", maps, tmp_path, steps=1)
    assert torch.load(tmp_path / "locator.checkpoint")["step"] == 1


def test_an_arm_may_begin_with_given_weights(weights: Path, maps: LabelMaps, tmp_path: Path) -> None:
    """Without a step they are left as they are; by default the arm begins otherwise."""
    start = weights / "arm.safetensors"
    (tmp_path / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
    for given, same in ((start, True), (None, False)):
        train("arm", maps, tmp_path, steps=0, start=given)
        begun, wanted = (load_file(path) for path in (tmp_path / start.name, start))
        assert all(torch.equal(begun[name], wanted[name]) for name in wanted) is same
        (tmp_path / "arm.checkpoint").unlink()


def test_the_decoder_is_the_average_of_the_arms_by_their_shares(weights: Path) -> None:
    shares = {"arm": 0.5, "lenient": 0.25, "strict": 0.25}
    states = {stage: starter.load_weights(weights / f"{stage}.safetensors") for stage in shares}
    assert any((states["lenient"][name] - states["strict"][name]).abs().max() > 1e-4 for name in states["arm"])
    for name, found in starter.load_weights(weights / "decoder.safetensors").items():
        wanted = sum(share * states[stage][name] for stage, share in shares.items())
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)


def test_a_stage_without_a_share_is_not_needed(weights: Path, tmp_path: Path) -> None:
    shutil.copy(weights / "arm.safetensors", tmp_path)
    starter.average(tmp_path, msgspec.structs.replace(starter.RECIPE, shares={"arm": 1.0}))
    found, wanted = (load_file(tmp_path / f"{name}.safetensors") for name in ("decoder", "arm"))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_weights_that_are_missing_in_the_average_are_named(weights: Path, tmp_path: Path) -> None:
    shutil.copy(weights / "arm.safetensors", tmp_path)
    with pytest.raises(TrainingError, match=r"holds no weights of: lenient, strict\."):
        starter.average(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["arm.safetensors"]


def test_the_runs_of_a_stage_see_images_of_their_own_and_are_averaged(
    weights: Path, maps: LabelMaps, tmp_path: Path
) -> None:
    for name in ("encoder", "image"):
        shutil.copy(weights / f"{name}.safetensors", tmp_path)
    runs = [f"arm-{run}" for run in (1, 2)]
    with pytest.raises(TrainingError, match=r"holds no weights of: arm-1, arm-2\."):
        starter.merge("arm", tmp_path)
    for run in (1, 2):
        assert train("arm", maps, tmp_path, run=run)
    first, second = (starter.load_weights(tmp_path / f"{name}.safetensors") for name in runs)
    assert any((first[name] - second[name]).abs().max() > 1e-4 for name in first)
    assert not (tmp_path / "arm.safetensors").exists()
    starter.merge("arm", tmp_path)
    for name, found in starter.load_weights(tmp_path / "arm.safetensors").items():
        torch.testing.assert_close(found, (first[name] + second[name]) / 2, atol=1e-3, rtol=1e-3)
    alone = load_file(weights / "arm.safetensors")
    assert all(torch.equal(alone[name], tensor) for name, tensor in load_file(tmp_path / "arm-1.safetensors").items())


def test_the_image_part_is_trained_as_if_there_were_no_encoder(
    weights: Path, maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights come out where the encoder must not be asked, and where there is none."""
    with monkeypatch.context() as patch:
        patch.delattr(starter.SliceEncoder, "encode_whole")
        assert train("image", maps, tmp_path)
    found, wanted = (load_file(folder / "image.safetensors") for folder in (tmp_path, weights))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    image = starter.measuring_generator(maps, "cpu")(1, starter.NEAR).image
    scores = [starter.trained_scores(folder, "cpu", "image")(image) for folder in (tmp_path, weights)]
    assert torch.equal(*scores)


def test_a_compiled_arm_is_trained_as_any_other(
    weights: Path, maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encoder and arm go through torch's compiler, here without its slow part that makes kernels."""
    seen: list[object] = []

    def compiler(work: Any, **options: Any) -> Any:
        seen.append(work)
        return compile_with(work, backend="eager", **options)

    compile_with = torch.compile
    monkeypatch.setattr(torch, "compile", compiler)
    (tmp_path / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
    assert train("arm", maps, tmp_path, start=weights / "image.safetensors", compiled=True)
    assert len(seen) == 1 + len(starter.create_backbone(starter.ENCODER).blocks)
    whole, compiled = (load_file(folder / "arm.safetensors") for folder in (weights, tmp_path))
    assert set(compiled) == set(whole)
    for name, tensor in whole.items():
        torch.testing.assert_close(compiled[name], tensor, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize(
    ("name", "weight", "apart"), [("agreement", 10.0, disagreement), ("volumes", 100.0, volumes_apart)]
)
def test_an_arm_that_is_asked_to_agree_answers_two_looks_more_alike(
    weights: Path, maps: LabelMaps, tmp_path: Path, name: str, weight: float, apart: Callable[[Tensor, Tensor], Tensor]
) -> None:
    image = Supply(starter.measuring_generator(maps, "cpu"), [Shown(starter.NEAR, 8, PAIR)])(0).image
    found = []
    for value in (0.0, weight):
        folder = tmp_path / str(value)
        folder.mkdir()
        (folder / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
        stage = msgspec.structs.replace(starter.RECIPE.image, steps=40, **{name: value})
        train("image", maps, folder, recipe=msgspec.structs.replace(starter.RECIPE, image=stage))
        scores = starter.trained_scores(folder, "cpu", "image")
        found.append(apart(scores(image[::2]), scores(image[1::2])).item())
    assert found[1] < 0.6 * found[0]


def test_every_second_step_of_an_arm_that_is_asked_to_agree_shows_pairs(
    weights: Path, maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each view; the steps between show single images and ask for nothing more."""
    asked: list[tuple[object, ...]] = []
    alike = Generator.alike

    def pairs(self: Generator, count: int, view: View, contrasts: Sequence[str]) -> list[Batch]:
        asked.append((view.shape, count, *contrasts))
        return alike(self, count, view, contrasts)

    compared: list[int] = []

    def counted(first: Tensor, second: Tensor) -> Tensor:
        compared.append(len(first))
        return disagreement(first, second)

    monkeypatch.setattr(Generator, "alike", pairs)
    monkeypatch.setattr(fit_arm, "disagreement", counted)
    (tmp_path / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
    stage = msgspec.structs.replace(starter.RECIPE.image, steps=8, agreement=1.0)
    train("image", maps, tmp_path, recipe=msgspec.structs.replace(starter.RECIPE, image=stage))
    pairs_of_a_step = stage.images // 2
    assert compared == [pairs_of_a_step] * 4
    assert asked == [(view.shape, pairs_of_a_step, *PAIR) for view in starter.DECODER_VIEWS] * 2


def test_trained_scores_are_those_of_the_saved_weights(weights: Path, maps: LabelMaps) -> None:
    image = starter.measuring_generator(maps, "cpu")(2, starter.NEAR).image
    found = starter.trained_scores(weights, "cpu")(image)
    assert found.shape == (2, 3, *starter.WINDOWS.size)
    assert found.dtype == torch.float32
    backbone = starter.create_backbone(
        starter.ENCODER, pretrained_state=starter.load_weights(weights / "encoder.safetensors")
    )
    model = starter.window_model(backbone).eval()
    model.arms.load_state_dict(starter.load_weights(weights / "decoder.safetensors"))
    torch.testing.assert_close(found, model(image))
    assert torch.equal(found, starter.trained_scores(weights, "cpu")(image)), "there is no dropout any more"


def test_scores_of_the_image_stage_need_no_tokens(
    weights: Path, maps: LabelMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of the arm that stage left, on zeros, mirrored and not; the encoder is not asked."""
    image = starter.measuring_generator(maps, "cpu")(2, starter.NEAR).image
    model = starter.window_model(starter.create_backbone(starter.ENCODER)).eval()
    model.arms.load_state_dict(starter.load_weights(weights / "image.safetensors"))
    plain, mirrored = (model.arms(0, model.encoder.no_tokens(image), shown) for shown in (image, image.flip(2)))
    wanted = (plain + mirrored.flip(2)[:, [0, 2, 1]]) / 2
    monkeypatch.delattr(starter.SliceEncoder, "forward")
    torch.testing.assert_close(starter.trained_scores(weights, "cpu", "image")(image), wanted)


def test_the_temperature_is_fitted_on_training_heads_and_kept(
    weights: Path, maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage in (*STAGES, "decoder"):
        (tmp_path / f"{stage}.safetensors").write_bytes((weights / f"{stage}.safetensors").read_bytes())
    assert starter.load_temperature(tmp_path) == 1.0
    made: list[tuple[int, ...]] = []
    make = starter.make_generator

    def make_generator(*arguments: Any, **options: Any) -> Generator:
        generator = make(*arguments, **options)
        made.append(generator.maps.heads)
        return generator

    monkeypatch.setattr(starter, "make_generator", make_generator)
    _, found = starter.calibrate(maps, tmp_path, "cpu", 3)
    assert made == [(0, 1)]
    assert found in TEMPERATURES
    assert starter.load_temperature(tmp_path) == found
    assert starter.calibrate(maps, tmp_path, "cpu", 3) == (0.0, found)
    spec = assemble(tmp_path, tmp_path / "bundle", "Apache License\n", [], replace=False).spec
    assert load_bundle(tmp_path / "bundle").spec.temperature == spec.temperature == found


@pytest.mark.parametrize("wrong", [-0.5, 0.75])
def test_a_border_that_lies_wrong_is_moved_in_the_decoder(
    wrong: float, weights: Path, maps: LabelMaps, tmp_path: Path
) -> None:
    """A decoder whose scores of the hippocampi were changed ends as the unchanged one does."""
    ends = []
    for change in (0.0, wrong):
        folder = tmp_path / str(change)
        folder.mkdir()
        shutil.copy(weights / "encoder.safetensors", folder)
        state = starter.load_weights(weights / "decoder.safetensors")
        state[starter.SCORE_BIAS] += torch.tensor([0.0, change, change])
        starter.save_weights(state, folder / "decoder.safetensors")
        shift, temperature = starter.calibrate(maps, folder, "cpu", 3)
        ends.append((shift + change, temperature, starter.load_weights(folder / "decoder.safetensors")))
    assert ends[0][:2] == ends[1][:2]
    assert all(torch.allclose(tensor, ends[1][2][name], atol=1e-3) for name, tensor in ends[0][2].items())


def test_held_out_maps_are_not_trained_on(maps: LabelMaps) -> None:
    for held_out, names in ((False, maps.names[:2]), (True, maps.names[2:])):
        assert starter.make_generator(maps, held_out, 0, "cpu").maps.names == names


def test_the_weights_make_a_bundle_that_loads(weights: Path, tmp_path: Path) -> None:
    made = assemble(weights, tmp_path / "neonatal-starter", "Apache License\n", [], replace=False)
    bundle = load_bundle(made.folder)
    assert bundle.spec.name == starter_bundle.NAME
    assert [(part.label, part.side) for part in bundle.spec.classes] == [(1, "left"), (2, "right")]
    models = load_models(bundle, torch.device("cpu"))
    assert models.locator is not None
    saved = starter.load_weights(weights / "decoder.safetensors")
    assert all(torch.equal(value, models.window.arms.state_dict()[name]) for name, value in saved.items())
    assert {"CARD.md", "NOTICE.md", "LICENSE.txt"} <= {path.name for path in made.folder.iterdir()}
    card = (made.folder / "CARD.md").read_text(encoding="utf-8")
    assert "not Meta's DINOv3 weights" in card
    assert "{" not in card
    assert "label maps of 2 adult heads" in card
    assert bundle.spec.training_data[0].description.endswith(": its maps 1, 2 of 20.")
    json.loads((made.folder / "bundle.json").read_text(encoding="utf-8"))


def test_pictures_texts_and_tables_beside_the_weights_are_shown_by_the_card(weights: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "weights")
    pixels = np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8)
    Image.fromarray(pixels).save(folder / "worst.png")
    (folder / "history.md").write_text("- Trained in pieces.\n", encoding="utf-8")
    (folder / "robustness.md").write_text("| change | a.nii |\n|---|---|\n| cropped | 0.9 / 0.8 |\n", encoding="utf-8")
    made = assemble(folder, tmp_path / "neonatal-starter", "Apache License\n", [], replace=False)
    card = (made.folder / "CARD.md").read_text(encoding="utf-8")
    assert "![Known failures](worst.png)" in card
    assert (folder / "worst.png").stat().st_size > LARGEST_PICTURE
    assert (made.folder / "worst.png").stat().st_size <= LARGEST_PICTURE, "noise is not shipped at full size"
    with Image.open(made.folder / "worst.png") as picture:
        assert picture.width == picture.height > 300
    assert "- Trained in pieces.\n\n## How steady the answer is" in card
    assert "| cropped | 0.9 / 0.8 |\n\n## Known failures" in card
    assert "What each part is worth" not in card, "there is no such table"
    assert not (made.folder / "robustness.md").exists(), "the card holds it"


def test_missing_weights_are_named(weights: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "weights")
    for stage in ("decoder", "locator"):
        (folder / f"{stage}.safetensors").unlink()
    with pytest.raises(BundleError, match=r"holds no decoder\.safetensors, no locator\.safetensors\."):
        assemble(folder, tmp_path / "neonatal-starter", "Apache License\n", [], replace=False)


def test_a_damaged_picture_is_named(weights: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "weights")
    (folder / "curve.png").write_bytes(b"no picture")
    with pytest.raises(BundleError, match=r"curve\.png cannot be read"):
        assemble(folder, tmp_path / "neonatal-starter", "Apache License\n", [], replace=False)
    assert not (tmp_path / "neonatal-starter").exists()


def test_the_shipped_bundle_says_what_the_recipe_says_it_is_for(weights: Path, tmp_path: Path) -> None:
    made = assemble(weights, tmp_path / "neonatal-starter", "Apache License\n", [], replace=False).spec
    shipped = find_bundle(DEFAULT).spec
    assert made.age_weeks == shipped.age_weeks == (30.0, 53.0)
    assert made.max_spacing_mm == shipped.max_spacing_mm == 3.0
    assert (made.age_range, made.contrasts) == (shipped.age_range, shipped.contrasts)


def test_a_bundle_too_large_to_ship_is_refused(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter_bundle, "LARGEST", 1000)
    with pytest.raises(BundleError, match="MB are allowed"):
        assemble(weights, tmp_path / "neonatal-starter", "Apache License\n", [], replace=False)
    assert not (tmp_path / "neonatal-starter").exists()
