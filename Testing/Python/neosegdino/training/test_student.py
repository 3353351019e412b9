from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from neosegdino.bundle import Bundle, load_bundle, write_bundle
from neosegdino.spec import EncoderWeights
from neosegdino.training.student import Student, create_student
from torch import Tensor
from training_cases import quick

CPU = torch.device("cpu")
SEVERAL = {"windows": "all", "window": (16, 16, 16), "counts": (2, 1, 2)}
STEM = {"decoder": "stem", "decoder_options": {"channels": [4, 8, 8]}}


def student(bundle: Bundle, **changes: Any) -> Student:
    return create_student(bundle, quick(bundle.folder, **changes), CPU)


def arms(made: Student) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in made.model.arms.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_starts_from_the_bundles_decoder(tiny: Bundle) -> None:
    made = student(tiny)
    assert same(arms(made), tiny.state("decoder.safetensors"))
    assert made.start == "the decoder of tiny 1.0.0"


def test_a_shared_arms_weights_go_into_every_arm_per_window(tiny: Bundle) -> None:
    made = student(tiny, **SEVERAL, arms="per-window")
    assert len(made.model.arms.arms) == 4
    for arm in made.model.arms.arms:
        own = {f"arms.0.{name}": tensor for name, tensor in arm.state_dict().items()}
        assert same(own, tiny.state("decoder.safetensors"))
    weights = [arm.head.score.weight for arm in made.model.arms.arms]
    weights[0].data.zero_()
    assert bool(weights[1].any())  # they are four, not one


def test_arms_per_window_each_keep_their_own(tiny: Bundle, tmp_path: Path) -> None:
    first = student(tiny, **SEVERAL, arms="per-window", from_scratch=True)
    tensors: dict[str, Any] = {name: tiny.stored(name) for name in ("encoder.safetensors", "locator.safetensors")}
    spec = msgspec.structs.replace(first.spec, name="several")
    bundle = write_bundle(tmp_path / "several", spec, tensors | {"decoder.safetensors": arms(first)})
    assert same(arms(student(bundle, **SEVERAL, arms="per-window")), arms(first))


@pytest.mark.parametrize("changes", [STEM, {"from_scratch": True}])
def test_another_head_or_a_wish_starts_from_random_weights(tiny: Bundle, changes: dict[str, Any]) -> None:
    made = student(tiny, **changes)
    assert made.start == "random weights"
    assert not same(arms(made), tiny.state("decoder.safetensors"))
    again = student(tiny, **changes)
    assert same(arms(made), arms(again))
    assert not same(arms(made), arms(student(tiny, **changes, seed=2)))


def test_other_options_of_the_same_head_start_from_random_weights(tiny: Bundle, tmp_path: Path) -> None:
    first = student(tiny, **STEM)
    tensors = {name: tiny.stored(name) for name in ("encoder.safetensors", "locator.safetensors")}
    bundle = write_bundle(
        tmp_path / "stem",
        msgspec.structs.replace(first.spec, name="stem"),
        tensors | {"decoder.safetensors": arms(first)},
    )
    assert student(bundle).start == "the decoder of stem 1.0.0"
    wider = student(bundle, decoder="stem", decoder_options={"channels": [4, 8, 16]}, seed=2)
    assert wider.start == "random weights"
    # A part that would have fitted is not mixed in.
    own, base = arms(wider), arms(first)
    alike = [name for name in own if own[name].shape == base[name].shape and base[name].ndim > 1]
    assert alike and not any(torch.equal(own[name], base[name]) for name in alike)


def test_random_start_does_not_depend_on_what_was_drawn_before(tiny: Bundle) -> None:
    torch.manual_seed(5)
    one = student(tiny, from_scratch=True)
    torch.manual_seed(6)
    torch.rand(7)
    assert same(arms(one), arms(student(tiny, from_scratch=True)))


def test_only_the_arms_are_trained(tiny: Bundle) -> None:
    made = student(tiny, **STEM)
    backbone = made.model.encoder.backbone
    assert not backbone.training
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert all(parameter.requires_grad for parameter in made.model.arms.parameters())
    encoder = {id(parameter) for parameter in backbone.parameters()}
    assert not encoder & {id(parameter) for parameter in made.model.parameters() if parameter.requires_grad}
    assert same(dict(backbone.state_dict()), tiny.state("encoder.safetensors"))


def test_the_encoders_key_depends_on_its_settings_and_weights_alone(tiny: Bundle, tmp_path: Path) -> None:
    key = student(tiny).encoder_key
    assert student(tiny, **SEVERAL, **STEM, seed=9, from_scratch=True).encoder_key == key
    # The same weights in another file are the same weights.
    names = {"moved.safetensors": "encoder.safetensors"} | {
        name: name for name in ("decoder.safetensors", "locator.safetensors")
    }
    tensors = {new: tiny.stored(old) for new, old in names.items()}
    place = EncoderWeights("bundle", file="moved.safetensors")
    moved = msgspec.structs.replace(tiny.spec, encoder=msgspec.structs.replace(tiny.spec.encoder, weights=place))
    write_bundle(tmp_path / "moved", moved, tensors)
    assert student(load_bundle(tmp_path / "moved")).encoder_key == key
    shown = msgspec.structs.replace(moved, encoder=msgspec.structs.replace(moved.encoder, mean=0.5))
    assert student(write_bundle(tmp_path / "shown", shown, tensors)).encoder_key != key
    last = list(tensors["moved.safetensors"])[-1]
    tensors["moved.safetensors"][last].view(-1)[-1] += 1e-3
    assert student(write_bundle(tmp_path / "other", moved, tensors)).encoder_key != key
