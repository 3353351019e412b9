"""Self-distillation as a training run: in pieces, with and without names."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from neosegdino.encoder import SliceEncoder
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import distil as module
from neosegdino.training import distiller, optimise, starter
from neosegdino.training.distil import MOMENTUM, Distilled, distil, momentum_at
from neosegdino.training.optimise import Schedule
from torch import Tensor

pytestmark = pytest.mark.usefixtures("small_recipe")


@pytest.fixture(autouse=True)
def few_prototypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distiller, "PROTOTYPES", 32)


def run(maps: LabelMaps, checkpoint: Path, *, naming: bool, steps: int = 4, limit_s: float = 1e9) -> Distilled:
    torch.manual_seed(1)
    generator = starter.make_generator(maps, held_out=False, seed=1, device="cpu")
    backbone = starter.create_backbone(starter.ENCODER)
    near = SliceEncoder(starter.ENCODER, backbone, starter.WINDOWS.size)
    views = [(starter.NEAR, near, 2, 3), (starter.HEAD, near, 2, 3)]
    schedule = Schedule(steps, 1e-3, warmup=2)
    return distil(generator, views, schedule, checkpoint, print, limit_s, naming=naming)


@pytest.mark.parametrize("naming", [False, True], ids=["alone", "with names"])
def test_a_run_in_pieces_equals_an_uninterrupted_one(
    naming: bool, maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Teacher, mask token, projections and the images to come go on where they stopped."""
    ticks = itertools.count()

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return float(next(ticks))

    whole = run(maps, tmp_path / "whole.checkpoint", naming=naming)
    monkeypatch.setattr(optimise, "time", Clock)
    for limit_s, done in ((2.0, False), (3.0, False), (1e9, True)):
        pieces = run(maps, tmp_path / "pieces.checkpoint", naming=naming, limit_s=limit_s)
        assert pieces.done is done
    assert pieces.entropy == whole.entropy
    states = [torch.load(tmp_path / f"{name}.checkpoint")["module"] for name in ("whole", "pieces")]
    assert any("teacher" in name for name in states[0])
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    for name, value in whole.backbone.state_dict().items():
        assert torch.equal(value, pieces.backbone.state_dict()[name]), name


def test_names_change_what_is_learned(maps: LabelMaps, tmp_path: Path) -> None:
    alone, both = (run(maps, tmp_path / f"{naming}.checkpoint", naming=naming) for naming in (False, True))
    start = run(maps, tmp_path / "start.checkpoint", naming=False, steps=0).backbone.state_dict()
    name = "patch_embed.proj.weight"
    weights = [found.backbone.state_dict()[name] for found in (alone, both)]
    assert all((weight - start[name]).abs().max() > 1e-4 for weight in weights)
    assert not torch.equal(*weights)


def test_hidden_patches_are_not_named(maps: LabelMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    hidden: list[Tensor] = []
    hide, compare = module.hide_blocks, F.cross_entropy

    def hide_blocks(*arguments: Any) -> Tensor:
        hidden.append(hide(*arguments))
        return hidden[-1]

    def cross_entropy(scores: Tensor, names: Tensor, **options: Any) -> Tensor:
        seen.append((scores, names))
        return compare(scores, names, **options)

    monkeypatch.setattr(module, "hide_blocks", hide_blocks)
    monkeypatch.setattr(F, "cross_entropy", cross_entropy)
    run(maps, tmp_path / "c.checkpoint", naming=True, steps=1)
    ((scores, names),) = seen
    assert scores.shape[2:] == names.shape[1:] == (16, 16)
    voxels = hidden[0].repeat_interleave(4, 1).repeat_interleave(4, 2)
    assert torch.equal(names == module.NOT_NAMED, voxels)


def test_the_teacher_slows_down_to_a_halt() -> None:
    values = [momentum_at(step, 100) for step in range(101)]
    assert values[0] == pytest.approx(MOMENTUM)
    assert values[100] == pytest.approx(1.0)
    assert values == sorted(values)
