from __future__ import annotations

import math

import pytest
import torch
from neosegdino.backbone import create_backbone
from neosegdino.synthesis.draw import Draw
from neosegdino.training import distiller as module
from neosegdino.training.distiller import Distiller, crowding, enlarge, hide_blocks, hiding, sinkhorn
from small_networks import encoder_spec
from torch import Tensor, nn


@pytest.fixture
def backbone() -> nn.Module:
    torch.manual_seed(0)
    return create_backbone(encoder_spec(slab=3))


@pytest.fixture
def distiller(backbone: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Distiller:
    monkeypatch.setattr(module, "PROTOTYPES", 32)
    return Distiller(backbone)


def looks(count: int = 4, side: int = 64) -> tuple[Tensor, Tensor]:
    """Pixels of two looks at some slices, and the patches to hide."""
    draw = Draw(1, "cpu")
    slices = draw.field(count, 1, (side, side, 3), 6)[:, 0].movedim(-1, 1)
    pixels = torch.cat([slices, 1 - 0.5 * slices]) + draw.normal(0.05, 2 * count, 3, side, side)
    return pixels, hide_blocks(draw, 2 * count, (side // 16, side // 16))


def test_only_the_student_learns(distiller: Distiller) -> None:
    loss, maps = distiller(*looks())
    assert maps.shape == (8, 64, 4, 4)
    loss.backward()
    assert all(parameter.grad is None for parameter in distiller.teacher.parameters())
    missing = [name for name, parameter in distiller.student.named_parameters() if parameter.grad is None]
    assert missing == []
    assert distiller.mask_token.grad is not None
    assert float(distiller.mask_token.grad.abs().sum()) > 0


def test_the_teacher_is_the_students_running_average(distiller: Distiller) -> None:
    start = {name: value.clone() for name, value in distiller.teacher.named_parameters()}
    assert all(torch.equal(value, start[name]) for name, value in distiller.student.named_parameters())
    with torch.no_grad():
        for parameter in distiller.student.parameters():
            parameter.add_(1.0)
    distiller.follow(0.75)
    for name, value in distiller.teacher.named_parameters():
        torch.testing.assert_close(value, start[name] + 0.25)
    distiller.follow(0.0)
    for name, value in distiller.teacher.named_parameters():
        assert torch.equal(value, distiller.student.get_parameter(name))


def test_hidden_patches_are_not_seen_by_the_student(distiller: Distiller) -> None:
    pixels, hidden = looks()
    changed = torch.where(enlarge(hidden, 16)[:, None], torch.rand_like(pixels), pixels)
    assert not torch.equal(changed, pixels)
    backbone, token = distiller.student.backbone, distiller.mask_token
    with torch.no_grad():
        with hiding(backbone, hidden, token):
            before, after = (distiller.student.tokens(image) for image in (pixels, changed))
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
        seen, other = (distiller.student.tokens(image)[1] for image in (pixels, changed))
        assert not torch.equal(seen, other), "nothing is hidden any more"


def test_patches_that_are_not_hidden_are_seen(distiller: Distiller) -> None:
    pixels, hidden = looks()
    changed = torch.where(enlarge(hidden, 16)[:, None], pixels, torch.rand_like(pixels))
    with torch.no_grad(), hiding(distiller.student.backbone, hidden, distiller.mask_token):
        before, after = (distiller.student.tokens(image)[1] for image in (pixels, changed))
    assert (before - after).abs().amax(dim=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("grid", [(4, 4), (24, 14), (5, 7)], ids=str)
def test_blocks_of_every_second_slice_are_hidden(grid: tuple[int, int]) -> None:
    hidden = hide_blocks(Draw(0, "cpu"), 200, grid)
    assert hidden.shape == (200, *grid)
    assert not hidden[1::2].any()
    share = hidden[::2].float().mean(dim=(1, 2))
    assert share.min() > 0
    assert share.max() <= 0.65
    assert share.mean() == pytest.approx(0.3, abs=0.05)
    h, w = (n // 2 * 2 for n in grid)
    blocks = hidden[:, :h, :w].unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    assert torch.equal(blocks.amax(dim=(2, 4)), blocks.float().amin(dim=(2, 4)).bool()), "whole blocks"


def test_answers_sum_to_one_and_share_the_prototypes() -> None:
    torch.manual_seed(0)
    cosines = torch.rand(400, 16) - 0.5
    cosines[:, 0] += 0.5  # by itself the first one would take all
    answers = sinkhorn(cosines)
    torch.testing.assert_close(answers.sum(dim=1), torch.ones(400))
    assert (cosines.argmax(dim=1) == 0).float().mean() > 0.4
    assert answers.mean(dim=0).sub(1 / 16).abs().max() < 0.01


def test_a_slice_is_compared_with_the_other_look_at_it(distiller: Distiller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the whole slices' answers those of the other look count, of the patches' the same one's."""
    seen: list[Tensor] = []

    def answers(cosines: Tensor) -> Tensor:
        numbers = torch.arange(float(cosines.numel())).reshape(cosines.shape)
        return numbers / numbers.sum()

    def compared(wanted: Tensor, cosines: Tensor) -> Tensor:
        seen.append(wanted)
        return cosines.sum() * 0

    monkeypatch.setattr(module, "sinkhorn", answers)
    monkeypatch.setattr(module, "_cross_entropy", compared)
    pixels, hidden = looks()
    distiller(pixels, hidden)
    whole, patches = seen
    own = answers(torch.empty(8, 32))
    assert torch.equal(whole, own[[4, 5, 6, 7, 0, 1, 2, 3]])
    assert torch.equal(patches, answers(torch.empty(int(hidden.sum()), 32)))


def test_crowding_is_larger_the_nearer_tokens_are() -> None:
    apart = torch.eye(6)[:4]
    assert float(crowding(apart)) == pytest.approx(-math.log(math.sqrt(2)), abs=1e-4)
    near = (torch.ones(4, 6) + 0.01 * torch.eye(6)[:4]).requires_grad_()
    value = crowding(near)
    assert float(value.detach()) > 3
    value.backward()
    assert near.grad is not None
    assert bool(torch.isfinite(near.grad).all())
    assert bool(torch.isfinite(crowding(torch.ones(4, 6)))), "also of equal ones"


def test_slices_that_are_nearly_alike_get_unlike_answers_at_once(distiller: Distiller) -> None:
    """A new ViT's class tokens are; the loss would else have nothing to go by."""
    pixels, hidden = looks()
    with torch.no_grad():
        whole, _ = distiller.teacher.tokens(pixels)
        assert (whole - whole.mean(dim=0)).abs().max() < 0.01
        distiller(pixels, hidden)
    assert float(distiller.entropy[0]) < 0.97


def test_learning_goes_below_what_collapsed_answers_reach(
    distiller: Distiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that are the same for everything cost the logarithm of the number of prototypes, twice."""
    monkeypatch.setattr(module, "SPREAD", 0.0)
    pixels, hidden = looks(count=8)
    trained = [parameter for parameter in distiller.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=2e-3)
    losses = []
    for _ in range(60):
        distiller.follow(0.9)
        loss, _ = distiller(pixels, hidden)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    collapsed = 2 * math.log(32)
    assert losses[0] > collapsed
    assert max(losses[-5:]) < 0.92 * collapsed
