"""The images of a training's steps: the same whichever step was asked for before, whole lots made at once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fake_heads import fake_maps
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Batch, Generator
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training.supply import STEPS_AT_ONCE, VOXELS_AT_ONCE, Supply

NEAR = View((20, 16, 16), 3.0, (4.0, 4.0, 4.0))
FAR = View((16, 20, 16), 3.0, (30.0, 30.0, 30.0))
VIEWS = [(NEAR, 2), (NEAR, 2), (FAR, 3)]


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    return fake_maps(tmp_path_factory.mktemp("heads"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, View]]:
    """What the generators are asked for."""
    calls: list[tuple[int, View]] = []
    make: Callable[..., Batch] = Generator.__call__

    def call(generator: Generator, count: int, view: View) -> Batch:
        calls.append((count, view))
        return make(generator, count, view)

    monkeypatch.setattr(Generator, "__call__", call)
    return calls


def supply(maps: LabelMaps, steps_at_once: int | None, seed: int = 3) -> Supply:
    return Supply(Generator(maps, Draw(seed, "cpu")), VIEWS, steps_at_once)


def same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(getattr(first, n), getattr(second, n)) for n in ("image", "structure", "target"))


@pytest.mark.parametrize("steps_at_once", [None, 1, 3])
def test_steps_go_round_the_views_and_no_batch_comes_twice(maps: LabelMaps, steps_at_once: int | None) -> None:
    batches = [supply(maps, steps_at_once)(step) for step in range(9)]
    for step, batch in enumerate(batches):
        view, images = VIEWS[step % 3]
        assert batch.image.shape == (images, 1, *view.shape)
        assert batch.target.shape == batch.structure.shape == (images, *view.shape)
    sums = [round(float(image.sum()), 3) for batch in batches for image in batch.image]
    assert len(set(sums)) == len(sums) == 21


@pytest.mark.parametrize("steps_at_once", [1, 3])
def test_a_step_has_its_batch_whichever_was_asked_for_before(maps: LabelMaps, steps_at_once: int) -> None:
    whole = supply(maps, steps_at_once)
    batches = [whole(step) for step in range(13)]
    for step in (12, 4, 5, 0):
        assert same(supply(maps, steps_at_once)(step), batches[step])
        assert same(whole(step), batches[step])
    assert not same(supply(maps, steps_at_once, seed=4)(5), batches[5])


def test_a_lot_is_made_at_once(maps: LabelMaps, asked: list[tuple[int, View]]) -> None:
    lots = supply(maps, 3)
    for step in range(9):
        lots(step)
    assert asked == [(6, NEAR), (6, NEAR), (9, FAR)]
    lots(9)
    assert asked[3:] == [(6, NEAR)]


def test_a_cpu_makes_a_step_at_a_time(maps: LabelMaps, asked: list[tuple[int, View]]) -> None:
    each = supply(maps, None)
    for step in range(6):
        each(step)
    assert asked == [(2, NEAR), (2, NEAR), (3, FAR)] * 2


def test_a_gpu_makes_as_many_as_fit() -> None:
    """The sizes alone: the generator stands for one on a GPU, which this machine may lack."""
    made: list[int] = []

    def call(count: int, _view: View) -> Any:
        made.append(count)
        return SimpleNamespace(part=lambda first, images: (first, images))

    large = View((160, 160, 160), 1.0, (1.0, 1.0, 1.0), supersampling=2)
    middle = View((100, 100, 100), 1.0, (1.0, 1.0, 1.0))
    draw = SimpleNamespace(device=torch.device("cuda"), seed=1, restart=lambda _seed: None)
    generator: Any = type("Stand", (), {"__call__": staticmethod(call), "draw": draw})()
    for view, images in ((NEAR, 2), (large, 1), (middle, 4)):
        Supply(generator, [(view, images)])(0)
    assert made == [2 * STEPS_AT_ONCE, 1, VOXELS_AT_ONCE // 4_000_000 * 4]
