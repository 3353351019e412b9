from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from neosegdino.evaluation.worst import SHOWN
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Generator
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training.measure_synthetic import ViewFigures, measure_views
from torch import Tensor, nn

VIEW = View((24, 24, 24), 3.0, (2.0, 2.0, 2.0))
SURE, COUNT = 5.0, 4


class Knows:
    """Answers with the truth, which it makes again from the same seed; one side only where asked."""

    def __init__(self, twin: Generator, keep: tuple[int, ...], view: View) -> None:
        self.twin, self.keep, self.view = twin, keep, view
        self.asked = self.made = 0

    def __call__(self, image: Tensor) -> Tensor:
        self.asked += 1
        while True:
            self.made += 1
            batch = self.twin(1, self.view)
            if torch.equal(batch.image, image):
                break
        kept = torch.where(torch.isin(batch.target, torch.tensor(self.keep)), batch.target, 0)
        return SURE * nn.functional.one_hot(kept, 3).movedim(-1, 1).half()


def measure(
    maps: LabelMaps, keep: tuple[int, ...] = (1, 2), temperature: float = 1.0, view: View = VIEW
) -> tuple[ViewFigures, Knows]:
    make, twin = (Generator(maps, Draw(2, "cpu")) for _ in range(2))
    model = Knows(twin, keep, view)
    return measure_views(model, make, view, COUNT, temperature), model


def test_the_truth_is_without_fault(maps: LabelMaps) -> None:
    figures, _ = measure(maps)
    assert figures.column("dice").tolist() == [[1, 1]] * COUNT
    assert figures.column("hd95_mm").tolist() == [[0, 0]] * COUNT


def test_a_missed_side_has_dice_zero_and_no_distance(maps: LabelMaps) -> None:
    figures, _ = measure(maps, keep=(1,))
    assert figures.column("dice").tolist() == [[1, 0]] * COUNT
    assert figures.column("hd95_mm")[:, 0].tolist() == [0] * COUNT
    assert np.isnan(figures.column("hd95_mm")[:, 1]).all()


def test_volumes_are_those_of_the_views_voxels(maps: LabelMaps) -> None:
    figures, _ = measure(maps)
    make = Generator(maps, Draw(2, "cpu"))
    target = make(1, VIEW).target
    assert figures.column("reference_mm3")[0].tolist() == [27 * int((target == side).sum()) for side in (1, 2)]


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_confidence_is_that_of_the_tempered_scores(maps: LabelMaps, temperature: float) -> None:
    """The truth, told with a probability of p, is off by 1 - p."""
    figures, _ = measure(maps, temperature=temperature)
    e = np.exp(SURE / temperature)
    assert figures.reliability.error == pytest.approx(1 - e / (e + 2), abs=1e-3)


def test_images_without_both_sides_are_left_out(maps: LabelMaps) -> None:
    far = replace(VIEW, shape=(16, 16, 16), offset_mm=(25.0, 2.0, 2.0))
    figures, model = measure(maps, view=far)
    assert len(figures.sides) == model.asked == COUNT < model.made
    assert (figures.column("reference_mm3") > 0).all()


def test_the_worst_images_are_kept_with_truth_and_answer(maps: LabelMaps) -> None:
    make = Generator(maps, Draw(2, "cpu"))
    missing: Iterator[tuple[int, ...]] = iter([(), (1,), (), (1, 2), (), (), (2,), ()])
    model = Knows(Generator(maps, Draw(2, "cpu")), (1, 2), VIEW)

    def forgets(image: Tensor) -> Tensor:
        scores = model(image)
        for side in next(missing):
            scores[:, side] = 0
        return scores

    figures = measure_views(forgets, make, VIEW, 8)
    assert [example.name for example in figures.worst][:3] == ["Image 4", "Image 2", "Image 7"]
    assert len(figures.worst) == SHOWN
    missed = figures.worst[0]
    assert missed.measures["left"].dice == 0.0
    assert not missed.found.any()
    assert {1, 2} <= set(np.unique(missed.reference))
    assert missed.volume.spacing == (3.0, 3.0, 3.0)
    assert missed.volume.data.shape == missed.reference.shape == VIEW.shape
