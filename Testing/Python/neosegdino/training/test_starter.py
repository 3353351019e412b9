"""The recipe of the starter, run from label maps to a bundle with small settings."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
import torch
from fake_heads import fake_maps
from neosegdino.bundle import load_bundle
from neosegdino.bundle_store import DEFAULT, find_bundle
from neosegdino.loading import load_models
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import starter, starter_bundle
from neosegdino.training.optimise import Schedule
from neosegdino.training.starter_bundle import assemble
from safetensors.torch import load_file
from small_networks import SMALL

STAGES = ("encoder", "decoder", "locator")


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    return fake_maps(tmp_path_factory.mktemp("heads"), 3)


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same recipe with a short encoder, small windows and a few steps; the third map is held out."""
    size = (16, 16, 16)
    decoder = msgspec.structs.replace(starter.DECODER, options={"channels": [4, 8, 8], "dropout": 0.2})
    changes = {
        "TRAINING_HEADS": (0, 1),
        "MEASURING_HEADS": (2,),
        "ENCODER": msgspec.structs.replace(starter.ENCODER, blocks=(0, 1), options=SMALL),
        "WINDOWS": msgspec.structs.replace(starter.WINDOWS, size=size),
        "DECODER": decoder,
        "LOCATOR": msgspec.structs.replace(
            starter.LOCATOR, size=size, decoder=msgspec.structs.replace(decoder, file="locator.safetensors")
        ),
        "NEAR": View(size, 3.0, (2.0, 2.0, 2.0)),
        "DECODER_VIEWS": (View(size, 3.0, (2.0, 2.0, 2.0)), View(size, 3.0, (9.0, 9.0, 9.0))),
        "ANYWHERE": View(size, 3.0, (9.0, 9.0, 9.0)),
        "HEAD": View(size, 6.0, (2.0, 2.0, 2.0), supersampling=2, turned=0.3),
        "STAGES": {
            "encoder": starter.Stage(Schedule(steps=4, rate=1e-3, warmup=2), images=2, slices=3),
            "decoder": starter.Stage(Schedule(steps=4, rate=1e-3, warmup=2), images=2),
            "locator": starter.Stage(Schedule(steps=3, rate=1e-3, warmup=2), images=2),
        },
    }
    for name, value in changes.items():
        monkeypatch.setattr(starter, name, value)


def train(stage: str, maps: LabelMaps, folder: Path, steps: int | None = None) -> bool:
    return starter.train(stage, maps, folder, 1, "cpu", 1e9, print, steps)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def weights(trained: Path, maps: LabelMaps) -> Path:
    """Folder with the weights of all stages, trained once."""
    for stage in STAGES:
        if not (trained / f"{stage}.safetensors").exists():
            assert train(stage, maps, trained)
    return trained


def test_every_stage_leaves_its_weights_in_half_precision(weights: Path) -> None:
    for stage in STAGES:
        assert {t.dtype for t in load_file(weights / f"{stage}.safetensors").values()} == {torch.float16}
        assert all(t.dtype == torch.float32 for t in starter.load_weights(weights / f"{stage}.safetensors").values())


def test_training_changes_the_encoder_in_its_stage_alone(weights: Path, maps: LabelMaps, tmp_path: Path) -> None:
    encoder = (weights / "encoder.safetensors").read_bytes()
    (tmp_path / "encoder.safetensors").write_bytes(encoder)
    train("decoder", maps, tmp_path)
    assert (tmp_path / "encoder.safetensors").read_bytes() == encoder
    torch.manual_seed(1)
    start = starter.create_backbone(starter.ENCODER).state_dict()
    now = starter.load_weights(weights / "encoder.safetensors")
    assert any((now[name] - start[name]).abs().max() > 1e-4 for name in now)


@pytest.mark.parametrize("stage", ["encoder", "decoder"])
def test_a_stage_in_pieces_equals_an_uninterrupted_one(
    stage: str, weights: Path, maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images and dropout go on where they stopped: the pieces do not see the first images again."""
    (tmp_path / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
    for limit in (-1.0, 0.0, 1e9):  # nothing, then at least nothing more than the clock allows, then all
        seconds = iter([0.0, 0.0, 0.0, 1.0] if limit == 0.0 else [0.0] * 1000)

        class Clock:
            @staticmethod
            def monotonic(seconds: object = seconds) -> float:
                return next(seconds)  # type: ignore[call-overload, no-any-return]

        monkeypatch.setattr("neosegdino.training.optimise.time", Clock)
        done = starter.train(stage, maps, tmp_path, 1, "cpu", limit if limit != 0.0 else 0.5, print)
        assert done is (limit == 1e9)
        if limit == 0.0:
            assert torch.load(tmp_path / f"{stage}.checkpoint")["step"] == 2
    whole, pieces = (load_file(folder / f"{stage}.safetensors") for folder in (weights, tmp_path))
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


def test_the_number_of_steps_can_be_set(weights: Path, maps: LabelMaps, tmp_path: Path) -> None:
    (tmp_path / "encoder.safetensors").write_bytes((weights / "encoder.safetensors").read_bytes())
    assert train("locator", maps, tmp_path, steps=1)
    assert torch.load(tmp_path / "locator.checkpoint")["step"] == 1


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
    json.loads((made.folder / "bundle.json").read_text(encoding="utf-8"))


def test_the_shipped_bundle_says_what_the_recipe_says_it_is_for(weights: Path, tmp_path: Path) -> None:
    made = assemble(weights, tmp_path / "neonatal-starter", "Apache License\n", [], replace=False).spec
    shipped = find_bundle(DEFAULT).spec
    assert made.age_weeks == shipped.age_weeks == (30.0, 53.0)
    assert made.max_spacing_mm == shipped.max_spacing_mm == 3.0
    assert (made.age_range, made.contrasts) == (shipped.age_range, shipped.contrasts)
