"""What the ranks do in the tests: ``torchrun ranks_work.py ROLE FOLDER``; imported, the same work in one process."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import small_recipe
import torch
from fake_heads import fake_maps
from neosegdino.errors import NeoSegDINOError
from neosegdino.training import starter
from neosegdino.training.losses import dice_and_cross_entropy
from neosegdino.training.ranks import Ranks, joined
from neosegdino.training.two_pass import Loss, two_pass_step
from neosegdino.windows import WindowGrid
from small_arms import OUTSIDE, WINDOW, Setting, setting
from torch import Tensor

COUNTS = (1, 2, 5, 7)
MODES = {"shared": ("shared", 1), "per-window": ("per-window", 1), "shared, in groups": ("shared", 3)}
"""Arms, and windows that are decoded together in pass 1: several only without dropout."""
TYPES = {"float64": torch.float64, "float32": torch.float32}
VICTIM = 1
SILENCE = timedelta(seconds=3)


def arms_over(count: int, mode: str, dtype: torch.dtype) -> Setting:
    """Arms, with dropout where windows are decoded one by one, over a row of windows, the last half outside."""
    arms, together = MODES[mode]
    grid = WindowGrid(WINDOW, (count, 1, 1), (0, 0, 0))
    return setting(arms, (8 * count - 4, 8, 8), grid, dtype, dropout=0.3 if together == 1 else 0.0)


def take_step(
    made: Setting, ranks: Ranks, step: int, loss: Loss, on_decode: Callable[[], object] = int, together: int = 1
) -> Tensor:
    """Loss and scores of one step; its gradients are the rank's own until they are summed."""

    def decode(positions: Sequence[int]) -> Tensor:
        on_decode()
        torch.manual_seed(1000 * step + positions[0])
        return made.decode(positions)

    value, scores = two_pass_step(decode, made.grid, made.target, loss, OUTSIDE, ranks, together)
    return torch.cat([value[None], scores.flatten()])


def gradients(ranks: Ranks, count: int, mode: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Loss, scores and gradients after two steps, summed once; a parameter without gradient is left out."""
    made = arms_over(count, mode, dtype)
    made.arms.unused = torch.nn.Parameter(torch.zeros(3))
    together = MODES[mode][1]
    outcomes = [take_step(made, ranks, step, dice_and_cross_entropy(), together=together) for step in range(2)]
    ranks.sum_gradients(made.arms.parameters())
    found = {name: p.grad for name, p in made.arms.named_parameters() if p.grad is not None}
    return found | {f"outcome {step}": outcome for step, outcome in enumerate(outcomes)}


def compute(ranks: Ranks, folder: Path) -> None:
    """Write what this rank has after all kinds of steps, and what comes of the small methods."""
    found: dict[str, object] = {
        f"{count} {mode} {kind}": gradients(ranks, count, mode, dtype)
        for count in COUNTS
        for mode in MODES
        for kind, dtype in TYPES.items()
    }
    halves = [torch.full((2,), 0.1 + position, dtype=torch.bfloat16) for position in ranks.mine(4)]
    found["halves"] = ranks.gather(halves, 4)
    found["agreed"] = ranks.agree(["stop", ranks.number])
    ranks.barrier()
    torch.save(found, folder / f"{ranks.number}.pt")


def train(ranks: Ranks, folder: Path, fate: Callable[[], None]) -> None:
    """Take steps for ever; the victim meets its fate in the second pass of the third, which is its ninth decoding."""
    made = arms_over(5, "shared", torch.float32)
    (folder / f"{ranks.number}.pid").write_text(str(os.getpid()))
    decoded = itertools.count(1)

    def on_decode() -> None:
        if next(decoded) == 9 and ranks.number == VICTIM:
            fate()

    for step in itertools.count():
        take_step(made, ranks, step, lambda scores, target: scores.square().mean(), on_decode)
        ranks.sum_gradients(made.arms.parameters())


def stage(ranks: Ranks, folder: Path, limit_s: float = 1e9) -> bool:
    """Train a stage of the small starter, whose steps have three parts; no dropout, as each process draws its own."""
    with pytest.MonkeyPatch.context() as patch:
        small_recipe.shrink(patch)
        patch.setattr(starter, "DECODER", msgspec.structs.replace(starter.DECODER, options={"channels": [4, 8, 8, 8]}))
        (folder / f"heads-{ranks.number}").mkdir(exist_ok=True)
        maps = fake_maps(folder / f"heads-{ranks.number}", 3)

        def log(line: str) -> None:
            with (folder / f"log-{ranks.number}").open("a") as stream:
                stream.write(line + "\n")

        start = folder / "arm.safetensors"
        done = starter.train("lenient", maps, folder, 1, "cpu", limit_s, log, start=start, ranks=ranks)
        torch.save(torch.rand(3), folder / f"drawn-{ranks.number}.pt")
        return done


def compute_for_long(ranks: Ranks) -> None:
    """Kill the victim while the others wait for nobody."""
    ranks.barrier()
    if ranks.number == VICTIM:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def main() -> None:
    role, folder = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(1)
    with joined("cpu", SILENCE if role == "stopped" else timedelta(minutes=2)) as ranks:
        if role == "compute":
            compute(ranks, folder)
        elif role == "stage":
            assert not stage(ranks, folder, limit_s=-1.0 if ranks.first else 1e9), "the first rank's clock decides"
            assert stage(ranks, folder)
        elif role == "killed while the others compute":
            compute_for_long(ranks)
        else:
            train(
                ranks, folder, lambda: os.kill(os.getpid(), {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}[role])
            )


if __name__ == "__main__":
    try:
        main()
    except NeoSegDINOError as error:
        print(f"rank {os.environ['RANK']}: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_code)
