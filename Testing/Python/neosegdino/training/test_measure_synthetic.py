from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from fake_heads import fake_maps
from neosegdino.model import WindowModel
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Generator
from neosegdino.training.measure_synthetic import dice_on_views
from torch import Tensor, nn

VIEW = View((24, 24, 24), 3.0, (2.0, 2.0, 2.0))


class Knows(nn.Module):
    """Answers with the truth, which it makes again from the same seed; one side only where asked."""

    def __init__(self, twin: Generator, keep: tuple[int, ...]) -> None:
        super().__init__()
        self.twin, self.keep = twin, keep

    def forward(self, image: Tensor) -> Tensor:
        batch = self.twin(1, VIEW)
        assert torch.equal(batch.image, image)
        kept = torch.where(torch.isin(batch.target, torch.tensor(self.keep)), batch.target, 0)
        return cast(Tensor, nn.functional.one_hot(kept, 3).movedim(-1, 1).float())


def measure(folder: Path, keep: tuple[int, ...]) -> Tensor:
    maps = fake_maps(folder)
    make, twin = (Generator(maps, Draw(2, "cpu")) for _ in range(2))
    model: Any = Knows(twin, keep)
    return dice_on_views(cast(WindowModel, model), make, VIEW, 5)


def test_the_truth_has_dice_one_and_a_missed_side_zero(tmp_path: Path) -> None:
    dice = measure(tmp_path, (1, 2))
    assert dice.shape == (5, 2)
    seen = ~dice.isnan()
    assert seen.sum() >= 8
    assert (dice[seen] == 1).all()
    only_left = measure(tmp_path, (1,))
    assert (only_left[:, 0][seen[:, 0]] == 1).all()
    assert (only_left[:, 1][seen[:, 1]] == 0).all()
