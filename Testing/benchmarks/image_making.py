"""What making the synthetic images costs in a training step of the starter, stage by stage.

    python Testing/benchmarks/image_making.py MAPS.npz [--device cuda] [--steps 384] [--json FILE]

MAPS.npz is packed by `starter_cli pack`. Every stage of the recipe is trained for some steps in a folder of its own,
then as many steps again on images that were made once and are shown in every step. The difference of the two times is
what the images cost. Its bar, a fifth of a step, is for a GPU; on a CPU nothing is compiled. On a GPU the images of
several steps are made at once: the number of steps is to be a multiple of 64, so that each lot is used up. Short
runs are not steady.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import figures
from figures import Figure

if TYPE_CHECKING:
    from neosegdino.synthesis.label_maps import LabelMaps

SHARE = 20
"""Percent of a step."""


def made_once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a generator's call that makes the images of everything that is asked for once."""
    known: dict[object, Any] = {}

    def call(generator: object, *asked: object, **options: object) -> Any:
        key = (asked, *options.items())
        if key not in known:
            known[key] = make(generator, *asked, **options)
        return known[key]

    return call


def step_seconds(stage: str, maps: LabelMaps, folder: Path, steps: int, device: str) -> float:
    """Seconds of a step of a stage, which begins anew; the first ones are not counted."""
    import torch
    from neosegdino.training import starter
    from neosegdino.training.checkpoint import read_checkpoint
    from neosegdino.training.optimise import SETTLING

    checkpoint = folder / f"{stage}.checkpoint"
    checkpoint.unlink(missing_ok=True)
    compiled = starter.RECIPE.stages[stage].compiled and device != "cpu"
    start = starter.start_of(stage, folder)
    starter.train(stage, maps, folder, 1, device, 1e9, print, steps + SETTLING, start=start, compiled=compiled)
    state = read_checkpoint(checkpoint, torch.device("cpu"))
    assert state is not None
    return float(state["seconds"]) / steps


def cost(stage: str, maps: LabelMaps, folder: Path, steps: int, device: str) -> list[Figure]:
    """Figures of one stage."""
    from neosegdino.synthesis.generator import Generator

    whole = step_seconds(stage, maps, folder, steps, device)
    with (
        patch.object(Generator, "looks", made_once(Generator.looks)),
        patch.object(Generator, "alike", made_once(Generator.alike)),
    ):
        without = step_seconds(stage, maps, folder, steps, device)
    label, share = f"{stage}: images' share of a step", [100 * (1 - without / whole)]
    judged = figures.plain(label, share, "%") if device == "cpu" else figures.at_most(label, share, "%", SHARE)
    return [figures.plain(f"{stage}: a step", [1e3 * whole], "ms"), judged]


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    benchmark.parser.add_argument("maps", type=Path)
    benchmark.parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    benchmark.parser.add_argument("--steps", type=int, default=384)
    arguments = benchmark.parser.parse_args()
    import torch
    from neosegdino.synthesis.label_maps import load_packed
    from neosegdino.training.starter import RECIPE

    torch.set_num_threads(figures.CORES)
    maps, device = load_packed(arguments.maps), arguments.device
    rows: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        for stage in RECIPE.stages:
            rows += cost(stage, maps, Path(name), arguments.steps, device)
    data = f"{len(maps.volumes)} packed maps; {arguments.steps} steps of each stage as the recipe says"
    card = torch.cuda.get_device_name(device) if device == "cuda" else ""
    benchmark.finish(data, rows, arguments.json, card)


if __name__ == "__main__":
    main()
