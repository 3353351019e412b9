from __future__ import annotations

import pytest
import torch
from neosegdino.synthesis.draw import Draw


def everything(draw: Draw) -> list[torch.Tensor]:
    return [
        draw.uniform(-2, 3, 50),
        draw.normal(0.5, 50),
        draw.chance(0.3, 50),
        draw.integer(2, 9, 50),
        draw.choice([0.2, 0.0, 0.8], 50),
        draw.field(2, 1, (8, 9, 10), 4),
        torch.tensor(draw.knots(3, 60)),
    ]


def test_the_seed_decides() -> None:
    first, again, other = (everything(Draw(seed, "cpu")) for seed in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_what_was_drawn_is_drawn_once_more() -> None:
    draw = Draw(4, "cpu")
    draw.uniform(0, 1, 7)
    state = draw.state()
    first = everything(draw)
    draw.go_back(state)
    assert all(torch.equal(a, b) for a, b in zip(first, everything(draw), strict=True))


def test_other_random_numbers_do_not_disturb_it() -> None:
    first = everything(Draw(4, "cpu"))
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert all(torch.equal(a, b) for a, b in zip(first, everything(Draw(4, "cpu")), strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_distributions() -> None:
    draw = Draw(0, "cpu")
    uniform = draw.uniform(-2, 3, 20_000)
    assert uniform.min() >= -2
    assert uniform.max() <= 3
    assert uniform.mean() == pytest.approx(0.5, abs=0.05)
    assert draw.normal(0.5, 20_000).std() == pytest.approx(0.5, rel=0.03)
    assert draw.chance(0.3, 20_000).float().mean() == pytest.approx(0.3, abs=0.02)
    assert draw.integer(2, 5, 1000).unique().tolist() == [2, 3, 4]
    assert draw.choice([0.5, 0.0, 0.5], 1000).unique().tolist() == [0, 2]
    assert {draw.knots(3, 5) for _ in range(50)} == {3, 4}


def test_fields_are_smooth() -> None:
    field = Draw(0, "cpu").field(3, 2, (30, 30, 30), 4)
    assert field.shape == (3, 2, 30, 30, 30)
    assert field.diff(dim=2).abs().max() < 0.3 * field.std() * 3
