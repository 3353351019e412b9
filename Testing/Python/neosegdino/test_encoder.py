from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from neosegdino.backbone import create_backbone
from neosegdino.encoder import AXES, SliceEncoder
from neosegdino.errors import BundleError, Cancelled
from small_networks import AveragingBackbone, encoder_spec, small_encoder

pytestmark = pytest.mark.usefixtures("one_thread")

PLANES = list(AXES.items())


def differing(first: list[torch.Tensor], second: list[torch.Tensor], axis: int) -> set[int]:
    """Slices along an axis whose tokens differ in any block."""
    found = set()
    for a, b in zip(first, second, strict=True):
        change = (a != b).movedim(2 + axis, 0).flatten(1).any(1)
        found |= set(change.nonzero()[:, 0].tolist())
    return found


def test_frozen_in_evaluation_mode_and_without_graph() -> None:
    encoder = small_encoder()
    encoder.train()
    assert not encoder.backbone.training
    assert not any(p.requires_grad for p in encoder.backbone.parameters())
    tokens = encoder(torch.rand(1, 1, 16, 24, 32, requires_grad=True))
    assert not any(t.requires_grad for t in tokens)
    assert list(encoder.parameters()) == [], "a model's state must not hold the shared encoder"


@pytest.mark.parametrize(("plane", "axis"), PLANES)
def test_shape_is_one_token_per_patch_and_slice(plane: str, axis: int) -> None:
    encoder = small_encoder(axis=plane)
    expected = [2, 3, 4]
    expected[axis] = (16, 24, 32)[axis]
    assert list(encoder.token_grid) == expected
    assert [list(t.shape) for t in encoder(torch.rand(2, 1, 16, 24, 32))] == [[2, 64, *expected]] * 2


@pytest.mark.parametrize(("plane", "axis"), PLANES)
def test_every_token_stands_over_its_voxels(plane: str, axis: int) -> None:
    """With a backbone that averages its patches, tokens are the window's own averages, along every axis in order."""
    encoder = SliceEncoder(encoder_spec(blocks=(0,), axis=plane, upsampling=1), AveragingBackbone(1), (8, 16, 24))
    windows = torch.rand(3, 1, 8, 16, 24) + 0.1
    kernel = [8, 8, 8]
    kernel[axis] = 1
    (tokens,) = encoder(windows, chunk=5)
    assert torch.allclose(tokens, F.avg_pool3d(windows, kernel), atol=1e-6)


def test_slab_shows_the_neighbours_as_channels_and_repeats_the_ends() -> None:
    encoder = SliceEncoder(encoder_spec(blocks=(0,), slab=3, upsampling=1), AveragingBackbone(3), (8, 5, 8))
    windows = torch.arange(1.0, 6)[None, None, None, :, None].expand(2, 1, 8, 5, 8)
    (tokens,) = encoder(windows)
    assert tokens[1, :, 0, :, 0].T.tolist() == [[1, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 5]]


@pytest.mark.parametrize(("plane", "axis"), PLANES)
@pytest.mark.parametrize("slab", [1, 3])
def test_a_marked_slice_changes_its_own_tokens_alone(plane: str, axis: int, slab: int) -> None:
    encoder = small_encoder((16, 16, 16), axis=plane, slab=slab)
    windows = torch.rand(2, 1, 16, 16, 16)
    marked = windows.clone()
    marked[1].movedim(1 + axis, 0)[9] += 0.5
    before, after = encoder(windows), encoder(marked)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(before, after, strict=True)), "windows are not independent"
    assert differing(before, after, axis) == set(range(9 - slab // 2, 10 + slab // 2))


@pytest.mark.parametrize("chunk", [1, 5, 16, 1000])
def test_chunks_do_not_change_tokens(chunk: int) -> None:
    encoder = small_encoder((16, 16, 16), slab=3)
    windows = torch.rand(2, 1, 16, 16, 16)
    calls: list[None] = []
    whole = encoder(windows, chunk=32)
    parts = encoder(windows, chunk, on_chunk=lambda: calls.append(None))
    for a, b in zip(whole, parts, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-6 * float(a.abs().max()))
    assert len(calls) == encoder.chunks(windows, chunk) == -(-32 // chunk)


@pytest.mark.parametrize("filled", [[], [3], [0, 15], [4, 5, 6, 7]])
def test_empty_slices_are_encoded_once_and_rightly(filled: list[int]) -> None:
    backbone = AveragingBackbone(1)
    encoder = SliceEncoder(encoder_spec(blocks=(0,), upsampling=1, mean=0.4, std=0.5), backbone, (8, 16, 8))
    windows = torch.zeros(2, 1, 8, 16, 8)
    windows[1, :, :, filled] = 0.5 + torch.rand(1, 8, len(filled), 8)
    (tokens,) = encoder(windows, chunk=3)
    assert backbone.seen == len(filled) + 1
    assert torch.allclose(tokens, (F.avg_pool3d(windows, (8, 1, 8)) - 0.4) / 0.5, atol=1e-6)


def test_empty_slices_of_a_slab_still_see_their_neighbours() -> None:
    encoder = small_encoder((16, 16, 16), slab=3)
    windows = torch.zeros(1, 1, 16, 16, 16)
    windows[:, :, :, 5] = torch.rand(16, 16)
    tokens = encoder(windows)
    slices = encoder.slices(windows)
    for block, maps in enumerate(encoder.encode_slices(slices)):
        assert torch.allclose(tokens[block][0].movedim(2, 0), maps, atol=1e-5)
    assert encoder.chunks(windows, 1) == 4


@pytest.mark.parametrize("plane", AXES)
def test_all_slices_at_once_give_the_same_tokens(plane: str) -> None:
    """Empty slices too, each of which is encoded for itself: shapes are always the same."""
    encoder = small_encoder((16, 16, 16), axis=plane, slab=3)
    windows = torch.rand(2, 1, 16, 16, 16)
    windows[1].movedim(1 + AXES[plane], 0)[4:12] = 0
    expected = encoder(windows)
    assert encoder.chunks(windows, 1) < 32
    for tokens, wanted in zip(encoder.encode_whole(windows), expected, strict=True):
        torch.testing.assert_close(tokens, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("plane", AXES)
def test_no_tokens_are_zeros_in_the_place_of_tokens(plane: str) -> None:
    encoder = small_encoder((16, 32, 48), axis=plane)
    windows = torch.rand(2, 1, 16, 32, 48)
    for zeros, tokens in zip(encoder.no_tokens(windows), encoder(windows), strict=True):
        assert zeros.shape == tokens.shape
        assert not zeros.any()


@pytest.mark.parametrize(
    ("name", "options", "blocks"),
    [
        ("vit_small_patch16_dinov3", {}, (2, 5, 8, 11)),
        ("vit_small_plus_patch16_dinov3", {"depth": 2}, (0, 1)),
        ("vit_base_patch16_dinov3", {"depth": 1}, (0,)),
        ("vit_small_patch14_reg4_dinov2", {"depth": 2, "img_size": 28}, (1,)),
    ],
)
def test_vits_of_timm_by_name_give_patch_tokens_alone(
    name: str, options: dict[str, Any], blocks: tuple[int, ...]
) -> None:
    """The tokens of the last block are those of `forward_features` without the prefix (cls and registers)."""
    spec = encoder_spec(name, options=options, blocks=blocks, upsampling=2, slab=3)
    torch.manual_seed(0)
    backbone: Any = create_backbone(spec)
    side = backbone.patch_embed.patch_size[0]
    encoder = SliceEncoder(spec, backbone, (side, 3, side))
    windows = torch.rand(1, 1, side, 3, side)
    tokens = encoder(windows)
    assert len(tokens) == len(blocks)
    pixels = F.interpolate(encoder.slices(windows), size=(2 * side, 2 * side), mode="bilinear", align_corners=False)
    with torch.no_grad():
        features = backbone.forward_features(pixels)
    assert backbone.num_prefix_tokens > 0
    assert features.shape[1] == 4 + backbone.num_prefix_tokens
    patches = features[:, backbone.num_prefix_tokens :].reshape(3, 2, 2, -1)
    assert torch.allclose(tokens[-1][0], patches.permute(3, 1, 0, 2), atol=1e-4)


def test_intensities_are_shown_as_the_bundle_says() -> None:
    windows = torch.rand(1, 1, 16, 16, 16) + 0.1
    plain = small_encoder((16, 16, 16), mean=0.0, std=1.0)
    shifted = small_encoder((16, 16, 16), mean=0.45, std=0.25)
    for a, b in zip(plain((windows - 0.45) / 0.25), shifted(windows), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_cancelling_leaves_between_chunks() -> None:
    calls: list[None] = []

    def stop() -> None:
        calls.append(None)
        if len(calls) == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        small_encoder((16, 16, 16))(torch.rand(1, 1, 16, 16, 16), chunk=4, on_chunk=stop)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: small_encoder((16, 16, 20)), "16x20 voxels upsampled 2 times are no multiple of the encoder's patch"),
        (lambda: small_encoder((16, 16, 16), upsampling=3, axis="axial", slab=2), "no middle slice"),
        (lambda: SliceEncoder(encoder_spec(blocks=(0, 3)), AveragingBackbone(1), (8, 8, 8)), r"has 1 blocks.*\[0, 3\]"),
    ],
)
def test_settings_that_do_not_fit_are_named(make: Callable[[], SliceEncoder], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        make()


def test_upsampling_may_be_set_for_the_coarse_pass() -> None:
    assert small_encoder((16, 8, 16), upsampling=4).token_grid == (4, 8, 4)
