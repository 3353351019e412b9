from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from neosegdino.decoder import HEADS, DecodingArms, Head, HeadShape, create_head, layers, register
from neosegdino.decoder.layers import normalisation, spread_group_norm
from neosegdino.errors import BundleError
from neosegdino.spec import DecoderSpec
from torch import Tensor, nn

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = HeadShape(channels=24, blocks=2, window=(16, 12, 8), tokens=(4, 12, 2), classes=3)
OPTIONS: dict[str, dict[str, Any]] = {
    "linear": {},
    "dpt": {"channels": 16, "dropout": 0.2},
    "unet": {"channels": [8, 8, 16, 16], "dropout": 0.2},
    "stem": {"channels": [8, 8, 16], "dropout": 0.2},
}
BATCH_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)


def batch(count: int, shape: HeadShape = SHAPE) -> tuple[list[Tensor], Tensor]:
    torch.manual_seed(1)
    tokens = [torch.randn(count, shape.channels, *shape.tokens) for _ in range(shape.blocks)]
    return tokens, torch.rand(count, 1, *shape.window)


def head(name: str, shape: HeadShape = SHAPE) -> Head:
    torch.manual_seed(0)
    return create_head(name, shape, **OPTIONS[name])


def arms(mode: Any, positions: int | None = None, name: str = "linear") -> DecodingArms:
    torch.manual_seed(0)
    return DecodingArms(DecoderSpec(name, "decoder.safetensors", arms=mode), SHAPE, axis=1, positions=positions)


def test_all_heads_of_the_registry_are_tested() -> None:
    assert {name for name in HEADS if not name.startswith("test-")} == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("tokens", [(4, 12, 2), (16, 12, 8), (32, 12, 16), (1, 12, 1)])
def test_scores_stand_on_the_windows_voxels(name: str, tokens: tuple[int, int, int]) -> None:
    shape = HeadShape(24, 2, (16, 12, 8), tokens, classes=4)
    assert head(name, shape)(*batch(2, shape)).shape == (2, 4, 16, 12, 8)


@pytest.mark.parametrize("name", OPTIONS)
def test_windows_do_not_leak_into_each_other(name: str) -> None:
    model = head(name).train()
    for module in model.modules():
        assert not isinstance(module, BATCH_NORMS)
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()  # in training mode otherwise: what a batch norm would do shows there
    tokens, image = batch(5)
    together = model(tokens, image)
    for n in range(5):
        alone = model([t[n : n + 1] for t in tokens], image[n : n + 1])
        assert torch.allclose(together[n : n + 1], alone, atol=1e-5)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_parameter_and_every_block_counts(name: str) -> None:
    model = head(name).eval()
    tokens, image = batch(2)
    for t in tokens:
        t.requires_grad_()
    model(tokens, image).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert all(t.grad is not None and t.grad.abs().sum() > 0 for t in tokens)


@pytest.mark.parametrize(("name", "looks"), [("linear", False), ("dpt", False), ("unet", True), ("stem", True)])
def test_which_heads_look_at_the_image(name: str, looks: bool) -> None:
    model = head(name).eval()
    tokens, image = batch(1)
    assert torch.equal(model(tokens, image), model(tokens, 1 - image)) is not looks


@pytest.mark.parametrize("name", OPTIONS)
def test_a_change_of_the_tokens_on_the_left_shows_on_the_left(name: str) -> None:
    """No axis is turned round or exchanged on the way from tokens to voxels."""
    shape = HeadShape(24, 1, (32, 32, 32), (8, 32, 8), classes=3)
    model = head(name, shape).eval()
    tokens, image = batch(1, shape)
    base = model(tokens, image).detach()
    for axis, place in enumerate([(1, 16, 4), (4, 4, 4), (4, 16, 1)]):
        changed = tokens[0].clone()
        changed[(0, slice(None), *place)] += 3
        weight = (model([changed], image).detach() - base).square().sum(dim=(0, 1))
        line = weight.sum(dim=[a for a in range(3) if a != axis])
        centre = float((line * torch.arange(32)).sum() / line.sum())
        assert centre < 13, f"axis {axis}: the change shows at {centre:.1f}"


def test_a_unet_takes_windows_of_any_size() -> None:
    shape = HeadShape(24, 2, (13, 11, 9), (4, 11, 2), classes=3)
    assert head("unet", shape)(*batch(1, shape)).shape == (1, 3, 13, 11, 9)


def test_a_head_that_decodes_nothing_says_so() -> None:
    with pytest.raises(TypeError, match="Head does not decode"):
        Head(SHAPE)([], torch.zeros(1))


def test_unknown_head_names_the_known_ones() -> None:
    with pytest.raises(BundleError, match="'u-net'") as caught:
        create_head("u-net", SHAPE)
    for name in OPTIONS:
        assert name in caught.value.remedy


def test_unknown_option_is_named() -> None:
    with pytest.raises(BundleError, match=r"'linear'.*width"):
        create_head("linear", SHAPE, width=3)


def test_a_new_head_is_one_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neosegdino.decoder.base.HEADS", dict(HEADS))

    @register("test-zero")
    class Zero(Head):
        def forward(self, tokens: Sequence[Tensor], image: Tensor) -> Tensor:
            return image.new_zeros(len(image), self.shape.classes, *image.shape[2:])

    assert create_head("test-zero", SHAPE)(*batch(2)).shape == (2, 3, 16, 12, 8)


def test_a_shared_arm_is_the_same_at_every_position() -> None:
    model = arms("shared", positions=4).eval()
    tokens, image = batch(1)
    assert len(model.arms) == 1
    assert torch.equal(model(0, tokens, image), model(3, tokens, image))


def test_arms_per_window_differ_by_position() -> None:
    model = arms("per-window", positions=4).eval()
    tokens, image = batch(1)
    assert len(model.arms) == 4
    scores = [model(position, tokens, image) for position in range(4)]
    assert all(not torch.equal(scores[0], other) for other in scores[1:])
    scores[2].sum().backward()
    touched = [any(p.grad is not None for p in arm.parameters()) for arm in model.arms]
    assert touched == [False, False, True, False]


def test_arms_per_window_need_their_number() -> None:
    with pytest.raises(BundleError, match="fixed cut") as caught:
        arms("per-window")
    assert "windows.counts" in caught.value.remedy


def test_arms_embed_the_depth_of_the_slices() -> None:
    """Equal tokens in all slices give scores that differ along the slice axis, and along it alone."""
    model = arms("shared").eval()
    tokens = [torch.ones(1, 24, 4, 12, 2)] * 2
    scores = model(0, tokens, torch.zeros(1, 1, 16, 12, 8))
    assert scores.std(dim=3).min() > 1e-3
    assert scores.std(dim=2).max() < 1e-5
    assert scores.std(dim=4).max() < 1e-5


@pytest.mark.parametrize("channels", [3, 24, 112])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_gpus_group_norm_is_torchs(channels: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = normalisation(channels)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    layer.to(torch.promote_types(dtype, torch.float32))
    image = (5 + 2 * torch.randn(2, channels, 4, 5, 3)).to(dtype)
    ours, theirs = (image.detach().clone().requires_grad_() for _ in range(2))
    found = spread_group_norm(ours, layer.num_groups, layer.weight, layer.bias, layer.eps)
    wanted = layer(theirs.to(layer.weight.dtype))
    assert found.dtype == dtype
    bound = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 0.04}[dtype]
    torch.testing.assert_close(found.to(wanted.dtype), wanted, atol=bound, rtol=bound)
    upstream = torch.randn_like(wanted)
    gradients = torch.autograd.grad(found.to(wanted.dtype), [ours, layer.weight, layer.bias], upstream)
    expected = torch.autograd.grad(wanted, [theirs, layer.weight, layer.bias], upstream)
    for own, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(own.to(other.dtype), other, atol=bound, rtol=bound)


class OnCard(Tensor):
    """Says that it lies on a GPU."""

    is_cuda = True


def test_only_large_groups_on_a_gpu_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = normalisation(16)
    image = torch.randn(2, 16, 4, 5, 3)
    wanted, spread = layer(image), []

    def spread_group_norm(x: Tensor, *others: Any) -> Tensor:
        spread.append(x)
        return norm(x, *others)

    norm = layers.spread_group_norm
    monkeypatch.setattr(layers, "spread_group_norm", spread_group_norm)
    values_of_a_group = 8 * 4 * 5 * 3
    for smallest, shown, chosen in (
        (values_of_a_group, image, 0),
        (values_of_a_group + 1, image.as_subclass(OnCard), 0),
        (values_of_a_group, image.as_subclass(OnCard), 1),
    ):
        monkeypatch.setattr(layers, "_LARGE", smallest)
        torch.testing.assert_close(layer(shown).as_subclass(Tensor), wanted, atol=1e-5, rtol=1e-5)
        assert len(spread) == chosen
