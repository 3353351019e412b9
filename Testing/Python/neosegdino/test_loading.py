from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bundle_samples import edit_manifest
from neosegdino.backbone import create_backbone
from neosegdino.bundle import load_bundle
from neosegdino.errors import BundleError, WeightsError
from neosegdino.files import sha256
from neosegdino.loading import load_models
from neosegdino.model import WindowModel
from neosegdino.spec import DecoderSpec, WindowSpec
from oracle_bundle import make_oracle_bundle
from safetensors.torch import load_file, save_file
from tiny_bundle import ENCODER, make_tiny_bundle

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return make_tiny_bundle(tmp_path / "tiny")


def replace_weights(folder: Path, name: str, state: dict[str, torch.Tensor]) -> None:
    """Put other weights in, with a description that agrees."""
    save_file(state, folder / name)
    edit_manifest(
        folder, "files", name, value={"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
    )


def test_models_have_the_weights_of_the_files(tiny: Path) -> None:
    models = load_models(load_bundle(tiny), CPU)
    assert models.locator is not None
    for model, name in ((models.window, "decoder"), (models.locator, "locator")):
        saved = load_file(tiny / f"{name}.safetensors")
        assert set(saved) == set(model.arms.state_dict())
        assert all(torch.equal(value.float(), model.arms.state_dict()[key]) for key, value in saved.items())
    saved = load_file(tiny / "encoder.safetensors")
    own = models.window.encoder.backbone.state_dict()
    assert all(torch.equal(value.float(), own[key]) for key, value in saved.items())


def test_models_are_frozen_in_evaluation_mode_and_share_the_encoder(tiny: Path) -> None:
    models = load_models(load_bundle(tiny), CPU)
    assert models.locator is not None
    assert models.window.encoder.backbone is models.locator.encoder.backbone
    assert models.locator.encoder.upsampling == 2
    for model in (models.window, models.locator, models.window.encoder.backbone):
        assert not model.training
        assert not any(p.requires_grad for p in model.parameters())


def test_a_bundle_may_ask_for_a_second_look(tiny: Path) -> None:
    once = load_models(load_bundle(tiny), CPU)
    edit_manifest(tiny, "windows", "mirrored", value=True)
    twice = load_models(load_bundle(tiny), CPU)
    assert once.window.mirrored is None
    assert twice.window.mirrored == (1, 2)
    assert twice.locator is not None and twice.locator.mirrored is None


def test_scores_are_those_of_the_model_that_was_saved(tiny: Path) -> None:
    backbone = create_backbone(ENCODER, pretrained_state=load_file(tiny / "encoder.safetensors"))
    again = WindowModel(ENCODER, backbone, (16, 16, 16), DecoderSpec("linear", ""), 3)
    again.arms.load_state_dict(load_file(tiny / "decoder.safetensors"))
    windows = torch.rand(1, 1, 16, 16, 16)
    assert torch.equal(load_models(load_bundle(tiny), CPU).window(windows), again.eval()(windows))


def test_the_last_models_are_kept_until_the_bundle_is_replaced(tiny: Path) -> None:
    first = load_models(load_bundle(tiny), CPU)
    assert load_models(load_bundle(tiny), CPU) is first
    state = {key: value + 1 for key, value in load_file(tiny / "decoder.safetensors").items()}
    replace_weights(tiny, "decoder.safetensors", state)
    second = load_models(load_bundle(tiny), CPU)
    assert second is not first
    assert torch.equal(second.window.arms.state_dict()["arms.0.depth.scale"], state["arms.0.depth.scale"].float())


def test_one_arm_per_window_of_the_fixed_cut(tmp_path: Path) -> None:
    decoder = DecoderSpec("linear", "decoder.safetensors", arms="per-window")
    bundle = make_oracle_bundle(tmp_path / "b", windows=WindowSpec((32, 16, 16), counts=(2, 1, 3)), decoder=decoder)
    assert len(load_models(bundle, CPU).window.arms.arms) == 6


def test_no_locator(tmp_path: Path) -> None:
    bundle = make_oracle_bundle(tmp_path / "b", locator=None, windows=WindowSpec((64, 48, 48), default="all"))
    assert load_models(bundle, CPU).locator is None


def test_weights_of_another_arm_are_named(tiny: Path) -> None:
    state = load_file(tiny / "locator.safetensors")
    state.pop("arms.0.head.score.bias")
    replace_weights(tiny, "locator.safetensors", state)
    with pytest.raises(
        BundleError, match=r"locator\.safetensors of the bundle tiny do not fit the decoding arm 'linear'"
    ) as caught:
        load_models(load_bundle(tiny), CPU)
    assert "arms.0.head.score.bias" in caught.value.message


def test_an_unknown_arm_is_named(tiny: Path) -> None:
    edit_manifest(tiny, "decoder", "name", value="crystal-ball")
    with pytest.raises(BundleError, match="crystal-ball"):
        load_models(load_bundle(tiny), CPU)


def test_encoder_weights_that_do_not_fit(tiny: Path) -> None:
    edit_manifest(tiny, "encoder", "options", "depth", value=3)
    with pytest.raises(WeightsError, match=r"blocks\.2\."):
        load_models(load_bundle(tiny), CPU)


def test_window_that_does_not_fit_the_patch(tiny: Path) -> None:
    edit_manifest(tiny, "windows", "size", value=[20, 16, 16])
    with pytest.raises(BundleError):
        load_models(load_bundle(tiny), CPU)
