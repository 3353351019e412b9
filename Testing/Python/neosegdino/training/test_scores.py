from __future__ import annotations

import pytest
import torch
from neosegdino.training.scores import OUTSIDE, whole_scores, window_scores
from neosegdino.training.views import Sample
from neosegdino.windows import WindowGrid, full_cut, reassemble
from small_arms import WINDOW, setting

SHAPE = (13, 11, 18)


@pytest.mark.parametrize("mode", ["shared", "per-window"])
def test_the_whole_is_every_window_through_its_own_arm_without_dropout(mode: str) -> None:
    made = setting(mode, SHAPE, full_cut(SHAPE, WINDOW), torch.float32)
    *tokens, images = made.inputs
    sample = Sample(images, made.target, made.grid, lambda position: [t[position : position + 1] for t in tokens])

    found = whole_scores(made.arms, sample)

    assert made.arms.training
    made.arms.eval()
    with torch.no_grad():
        windows = torch.cat([window_scores(made.arms, sample, [position]) for position in range(len(made.grid))])
    expected = reassemble(windows, made.grid, SHAPE, windows.new_tensor(OUTSIDE))
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_where_no_window_lies_is_background(training: bool) -> None:
    cut = WindowGrid(WINDOW, (2, 1, 1), (-3, 1, 0))
    made = setting("per-window", SHAPE, cut, torch.float32)
    *tokens, images = made.inputs
    sample = Sample(images, made.target, cut, lambda position: [t[position : position + 1] for t in tokens])
    made.arms.train(training)
    whole = whole_scores(made.arms, sample)
    assert made.arms.training is training and not whole.requires_grad
    assert torch.equal(whole, whole_scores(made.arms, sample))
    made.arms.eval()
    first, second = (window_scores(made.arms, sample, [position])[0] for position in (0, 1))
    x, y, z = WINDOW
    assert torch.equal(whole[:, : x - 3, 1 : y + 1, :z], first[:, 3:, : SHAPE[1] - 1])
    inside = whole[:, x - 3 : 2 * x - 3, 1 : y + 1, :z]
    assert torch.equal(inside, second[:, : inside.shape[1], : SHAPE[1] - 1])
    beside = [whole[:, :, 0], whole[:, :, :, z:], whole[:, 2 * x - 3 :]]
    assert any(part.numel() for part in beside)
    for part in beside:
        assert torch.equal(part.flatten(1), torch.tensor(OUTSIDE)[:, None].expand_as(part.flatten(1)))
