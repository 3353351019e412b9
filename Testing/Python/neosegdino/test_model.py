from __future__ import annotations

import pytest
import torch
from neosegdino.backbone import create_backbone
from neosegdino.model import FLOOR, FOREGROUND, WindowModel, rescale_windows, turned_back
from neosegdino.spec import DecoderSpec
from small_networks import encoder_spec

pytestmark = pytest.mark.usefixtures("one_thread")

DECODER = DecoderSpec("linear", "decoder.safetensors")


def model(**changes: object) -> WindowModel:
    torch.manual_seed(0)
    spec = encoder_spec()
    return WindowModel(spec, create_backbone(spec), (16, 16, 16), DECODER, 3, **changes).eval()  # type: ignore[arg-type]


def test_scores_are_the_arms_on_the_encoders_tokens() -> None:
    windows = torch.rand(2, 1, 16, 16, 16)
    whole = model()
    scores = whole(windows, chunk=5)
    assert scores.shape == (2, 3, 16, 16, 16)
    assert torch.equal(scores, whole.arms(0, whole.encoder(windows, 5), windows))


def test_only_the_arms_are_trained_and_saved() -> None:
    whole = model()
    assert {name.split(".")[0] for name in whole.state_dict()} == {"arms"}
    whole(torch.rand(1, 1, 16, 16, 16)).sum().backward()
    assert all(p.grad is not None for p in whole.parameters())
    assert all(p.grad is None for p in whole.encoder.backbone.parameters())


def test_upsampling_of_its_own() -> None:
    assert model(upsampling=4).encoder.token_grid == (4, 16, 4)


def test_a_second_look_in_a_mirror_counts_as_much_as_the_first() -> None:
    windows = torch.rand(2, 1, 16, 16, 16)
    once, twice = model(), model(mirrored=(1, 2))
    scores = twice(windows)
    looks = once(windows), once(windows.flip(2)).flip(2)[:, [0, 2, 1]]
    torch.testing.assert_close(scores, (looks[0] + looks[1]) / 2)
    assert not torch.allclose(looks[0], looks[1], atol=1e-2)


def test_who_looks_twice_answers_alike_from_either_side() -> None:
    windows = torch.rand(1, 1, 16, 16, 16)
    twice = model(mirrored=(1, 2))
    torch.testing.assert_close(turned_back(twice(windows.flip(2)), 1, 2), twice(windows))


def test_two_looks_are_counted_and_told() -> None:
    windows = torch.rand(1, 1, 16, 16, 16)
    for mirrored, chunks in ((None, 4), ((1, 2), 8)):
        told: list[None] = []
        model(mirrored=mirrored)(windows, chunk=4, on_chunk=lambda told=told: told.append(None))  # type: ignore[misc]
        assert len(told) == model(mirrored=mirrored).chunks(windows, 4) == chunks


def test_each_window_is_scaled_by_its_own_foreground() -> None:
    torch.manual_seed(0)
    windows = torch.rand(3, 1, 20, 20, 20)
    windows[1] *= 0.5
    windows[2, :, :10] = 0
    scaled = rescale_windows(windows, percentile=95, clip=10)
    for before, after in zip(windows, scaled, strict=True):
        top = torch.quantile(before[before > FOREGROUND], 0.95)
        assert torch.allclose(after, before / top, atol=2e-3)
    assert torch.allclose(rescale_windows(windows[1:2], 95, 10), scaled[1:2])


def test_bright_voxels_are_clipped_and_nothing_turns_negative() -> None:
    windows = torch.full((1, 1, 10, 10, 10), 0.6)
    windows[0, 0, 0, 0, 0] = 40
    scaled = rescale_windows(windows, 99, 1.5)
    assert scaled.max() == 1.5
    assert torch.allclose(scaled.median(), torch.tensor(1.0))


def test_faint_windows_are_brightened_only_so_far() -> None:
    windows = torch.full((1, 1, 10, 10, 10), FLOOR / 3)
    assert torch.allclose(rescale_windows(windows, 99, 1.5), torch.tensor(1 / 3), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, FOREGROUND])
def test_windows_without_foreground_keep_their_scale(value: float) -> None:
    windows = torch.full((1, 1, 10, 10, 10), value)
    windows[0, 0, 0, 0, :3] = 0.9  # less than one voxel in two hundred
    assert torch.equal(rescale_windows(windows, 99, 1.5), windows)


def test_large_windows_are_sampled_without_a_change_of_scale() -> None:
    torch.manual_seed(0)
    windows = torch.rand(1, 1, 64, 64, 70)
    top = torch.quantile(windows[..., ::3, ::3, ::3].flatten(), FOREGROUND + 0.99 * (1 - FOREGROUND))
    assert torch.allclose(rescale_windows(windows, 99, 10).max(), 1 / top, rtol=5e-3)
