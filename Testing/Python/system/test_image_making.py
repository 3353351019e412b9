"""The benchmark of what making images costs: it trains every stage, with images of its own and with kept ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from fake_heads import fake_maps
from neosegdino.synthesis.generator import Generator
from neosegdino.training import optimise, starter
from neosegdino.training.recipe import STAGES
from small_recipe import shrink


@pytest.fixture
def image_making(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script; it leaves cores and threads of the tests' process as they are."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import figures
    import image_making

    monkeypatch.setattr(figures, "_use_few_cores", lambda: None)
    before = torch.get_num_threads()
    yield image_making
    torch.set_num_threads(before)


def test_every_stage_is_measured_with_new_images_and_with_kept_ones(
    image_making: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    monkeypatch.setattr(optimise, "SETTLING", 3)
    made: list[str] = []
    stage = ""
    train: Callable[..., bool] = starter.train

    def named(name: str, *arguments: Any, **options: Any) -> bool:
        nonlocal stage
        stage = name
        return train(name, *arguments, **options)

    def counted(make: Callable[..., Any]) -> Callable[..., Any]:
        def call(generator: Generator, *arguments: Any, **options: Any) -> Any:
            made.append(stage)
            return make(generator, *arguments, **options)

        return call

    monkeypatch.setattr(starter, "train", named)
    monkeypatch.setattr(Generator, "looks", counted(Generator.looks))
    monkeypatch.setattr(Generator, "alike", counted(Generator.alike))
    fake_maps(tmp_path).save(tmp_path / "maps.npz")
    told = tmp_path / "figures.json"
    arguments = [tmp_path / "maps.npz", "--device", "cpu", "--steps", "1", "--json", told]
    monkeypatch.setattr(sys, "argv", ["image_making.py", *map(str, arguments)])
    image_making.main()
    record = json.loads(told.read_text())
    rows = {figure["what"]: figure for figure in record["figures"]}
    assert list(rows) == [f"{name}: {what}" for name in STAGES for what in ("a step", "images' share of a step")]
    assert all(row["median"] > 0 for what, row in rows.items() if what.endswith("a step") and "share" not in what)
    assert all(row["median"] < 100 and row["passed"] is None for what, row in rows.items() if "share" in what)
    shown = {"encoder": 3, "image": 2, "arm": 2, "lenient": 4, "strict": 4, "locator": 1}
    for name, count in shown.items():
        assert made.count(name) == 4 * starter.RECIPE.stages[name].parts + count, name
