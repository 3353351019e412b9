"""The images of a training's steps: the same whichever step was asked for before, whole lots made at once."""

from __future__ import annotations

import pytest
import torch
from fake_heads import fake_maps
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Batch, Generator
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import supply as module
from neosegdino.training.supply import STEPS_AT_ONCE, VOXELS_AT_ONCE, Shown, Supply, steps_at_once

NEAR = View((20, 16, 16), 3.0, (4.0, 4.0, 4.0))
FAR = View((16, 20, 16), 3.0, (30.0, 30.0, 30.0))
STEPS = [Shown(NEAR, 2), Shown(NEAR, 2), Shown(FAR, 3)]


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    return fake_maps(tmp_path_factory.mktemp("heads"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, View]]:
    """What the generators are asked for."""
    calls: list[tuple[int, View]] = []
    make = Generator.looks

    def call(generator: Generator, count: int, view: View, number: int) -> list[Batch]:
        calls.append((count, view))
        return make(generator, count, view, number)

    monkeypatch.setattr(Generator, "looks", call)
    return calls


@pytest.fixture(params=[1, 3], ids=lambda count: f"{count} at once")
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """As many steps of every view are made together."""
    count = int(request.param)
    monkeypatch.setattr(module, "steps_at_once", lambda *_: count)
    return count


def supply(maps: LabelMaps, seed: int = 3) -> Supply:
    return Supply(Generator(maps, Draw(seed, "cpu")), STEPS)


def same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(getattr(first, n), getattr(second, n)) for n in ("image", "structure", "target"))


@pytest.mark.usefixtures("at_once")
def test_steps_go_round_the_views_and_no_batch_comes_twice(maps: LabelMaps) -> None:
    whole = supply(maps)
    batches = [whole(step) for step in range(9)]
    for step, batch in enumerate(batches):
        shown = STEPS[step % 3]
        assert whole.shown(step) == shown
        assert batch.image.shape == (shown.images, 1, *shown.view.shape)
        assert batch.target.shape == batch.structure.shape == (shown.images, *shown.view.shape)
    sums = [round(float(image.sum()), 3) for batch in batches for image in batch.image]
    assert len(set(sums)) == len(sums) == 21


@pytest.mark.usefixtures("at_once")
def test_a_step_has_its_batch_whichever_was_asked_for_before(maps: LabelMaps) -> None:
    whole = supply(maps)
    batches = [whole(step) for step in range(13)]
    for step in (12, 4, 5, 0):
        assert same(supply(maps)(step), batches[step])
        assert same(whole(step), batches[step])
    assert not same(supply(maps, seed=4)(5), batches[5])


def test_a_lot_is_made_at_once(maps: LabelMaps, asked: list[tuple[int, View]], at_once: int) -> None:
    lots = supply(maps)
    for step in range(9):
        lots(step)
    lot = [(2 * at_once, NEAR), (2 * at_once, NEAR), (3 * at_once, FAR)]
    assert asked == lot * (3 // at_once)
    lots(9)
    assert asked[len(lot) * (3 // at_once) :] == lot[:1]


@pytest.mark.usefixtures("at_once")
def test_contrasts_of_one_anatomy_follow_each_other(maps: LabelMaps) -> None:
    pairs = Shown(NEAR, 4, ("newborn T1", "newborn T2"))
    batch = Supply(Generator(maps, Draw(3, "cpu")), [Shown(NEAR, 2), pairs])(3)
    assert batch.image.shape == (4, 1, *NEAR.shape)
    for first, second, other in ((0, 1, 2), (2, 3, 0)):
        assert batch.structure[first].any()
        assert torch.equal(batch.structure[first], batch.structure[second])
        assert not torch.equal(batch.structure[first], batch.structure[other])
        assert not torch.equal(batch.image[first], batch.image[second])


@pytest.mark.usefixtures("at_once")
def test_parts_of_a_step_are_of_one_view_and_have_images_of_their_own(maps: LabelMaps) -> None:
    parts = Supply(Generator(maps, Draw(3, "cpu")), STEPS, parts=2)
    batches = [parts(number) for number in range(12)]
    assert [parts.place(number) for number in range(12)] == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]
    assert [batch.image.shape[2:] for batch in batches[:6]] == [NEAR.shape] * 4 + [FAR.shape] * 2
    sums = {round(float(batch.image.sum()), 3) for batch in batches}
    assert len(sums) == 12
    again = Supply(Generator(maps, Draw(3, "cpu")), STEPS, parts=2)
    assert all(same(again(number), batches[number]) for number in (1, 3, 11, 7))
    alone = supply(maps)
    assert all(same(alone(step), batches[2 * step]) for step in range(6))


def test_a_gpu_makes_as_many_as_fit_and_a_cpu_one() -> None:
    large = View((160, 160, 160), 1.0, (1.0, 1.0, 1.0), supersampling=2)
    middle = View((100, 100, 100), 1.0, (1.0, 1.0, 1.0))
    pairs = ((NEAR, 2), (middle, 4), (large, 1))
    gpu, cpu = ([steps_at_once(torch.device(name), *pair) for pair in pairs] for name in ("cuda", "cpu"))
    assert gpu == [STEPS_AT_ONCE, VOXELS_AT_ONCE // 4_000_000, 1]
    assert cpu == [1, 1, 1]
