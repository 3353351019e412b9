"""The two-pass training step against one graph over all windows: activation memory of the decoder, and time.

    python Testing/benchmarks/window_memory.py [--json FILE]

Live bytes are those that the decoding arm keeps for its backward pass (`torch.autograd.graph.saved_tensors_hooks`; each
storage once, weights not counted). The loss on the reassembled volume is the same for both and not counted. The peak
of the process is Linux's own, above what the process held before the step; it holds the volume's scores as well.
The arm is the starter bundle's; memory is counted on small windows, so that the full graph fits, and time is taken on
larger ones, where the work outweighs the calls. All windows share one set of random tokens.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import figures
import psutil
from figures import Figure

if TYPE_CHECKING:
    from torch import Tensor, nn

MEMORY_WINDOW = 16
MEMORY_CUTS = (1, 2, 4)
"""Windows per axis."""
TIME_WINDOW = 32
TIME_CUT = 2
REPEATS = 3
MIB = 1 << 20


def methods() -> dict[str, Callable[..., object]]:
    """Both kinds of step by name."""
    from neosegdino.training.two_pass import full_graph_step, two_pass_step

    return {"two passes": two_pass_step, "full graph": full_graph_step}


class Meter:
    """Counts the bytes that are alive for the backward pass of what runs inside `watch`."""

    def __init__(self, weights: nn.Module) -> None:
        self._ignored = {parameter.untyped_storage().data_ptr() for parameter in weights.parameters()}
        self._uses: dict[int, int] = {}
        self.live = 0
        self.peak = 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count what is saved inside."""
        import torch

        with torch.autograd.graph.saved_tensors_hooks(self._pack, lambda saved: saved.tensor):
            yield

    def _pack(self, tensor: Tensor) -> _Saved:
        saved, storage = _Saved(tensor), tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key not in self._ignored:
            self._uses[key] = self._uses.get(key, 0) + 1
            self.live += size if self._uses[key] == 1 else 0
            self.peak = max(self.peak, self.live)
            weakref.finalize(saved, self._release, key, size)
        return saved

    def _release(self, key: int, size: int) -> None:
        self._uses[key] -= 1
        self.live -= 0 if self._uses[key] else size


class _Saved:
    """A saved tensor whose end can be seen."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Step:
    """A training step over cubic windows of random tokens; `cut` windows per axis."""

    def __init__(self, size: int, cut: int) -> None:
        import torch
        from neosegdino.decoder import DecodingArms, HeadShape
        from neosegdino.training import starter
        from neosegdino.training.losses import dice_and_cross_entropy
        from neosegdino.windows import WindowGrid

        torch.manual_seed(0)
        window, tokens = (size, size, size), (size // 4, size, size // 4)  # coronal slices, 4 voxels to a token
        shape = HeadShape(192, len(starter.ENCODER.blocks), window, tokens, starter.CLASSES)
        self.arms = DecodingArms(starter.DECODER, shape, axis=1)
        self.grid = WindowGrid(window, (cut, cut, cut), (0, 0, 0))
        self._tokens = [torch.randn(1, shape.channels, *tokens) for _ in range(shape.blocks)]
        self._image = torch.rand(1, 1, *window)
        self._target = torch.randint(0, starter.CLASSES, self.grid.extent)
        self._loss = dice_and_cross_entropy()

    def decode(self, position: int) -> Tensor:
        """Scores of one window."""
        scores: Tensor = self.arms(position, self._tokens, self._image)[0]
        return scores

    def run(self, step: Callable[..., object], decode: Callable[[int], Tensor] | None = None) -> None:
        """Take one step."""
        self.arms.zero_grad()
        step(decode or self.decode, self.grid, self._target, self._loss, (0.0, -10.0, -10.0))

    def saved(self, step: Callable[..., object]) -> float:
        """Most MiB that the decoder keeps for its backward pass."""
        meter = Meter(self.arms)

        def decode(position: int) -> Tensor:
            with meter.watch():
                return self.decode(position)

        self.run(step, decode)
        return meter.peak / MIB

    def seconds(self, step: Callable[..., object]) -> float:
        """Time of one step."""
        began = time.perf_counter()
        self.run(step)
        return time.perf_counter() - began


def process_peak(name: str) -> float:
    """Peak memory of this process during a step on the largest cut, above that before it, in MiB (Linux)."""
    step = Step(MEMORY_WINDOW, MEMORY_CUTS[-1])
    Step(MEMORY_WINDOW, 1).run(methods()[name])  # what is loaded and made once does not count
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    step.run(methods()[name])
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(float(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return float(peak * 1024 - before) / MIB


def process_peaks() -> list[Figure]:
    """Peaks of fresh processes: memory that was used before is not given back to the system at once."""
    rows = []
    for name in methods():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peak = pool.apply(process_peak, [name])
        rows.append(figures.plain(f"{MEMORY_CUTS[-1] ** 3} windows, {name}: process above its start", [peak], "MiB"))
    return rows


def memory(cut: int) -> tuple[list[Figure], float]:
    """Figures of one cut, and what two passes keep for the backward pass."""
    step = Step(MEMORY_WINDOW, cut)
    count = len(step.grid)
    rows, kept = [], []
    for name, method in methods().items():
        label = f"{count} windows, {name}" if count > 1 else f"1 window, {name}"
        kept.append(step.saved(method))
        rows.append(figures.plain(f"{label}: kept for backward", kept[-1:], "MiB"))
    rows.append(
        figures.at_most(f"two passes' share of the full graph x {count}", [count * kept[0] / kept[1]], "", 1.05)
    )
    return rows, kept[0]


def times() -> list[Figure]:
    """Time of a step; both kinds take turns."""
    step = Step(TIME_WINDOW, TIME_CUT)
    taken = [[step.seconds(method) for method in methods().values()] for _ in range(1 + REPEATS)][1:]
    rows = [
        figures.plain(f"{len(step.grid)} windows, {name}: step", seconds, "s")
        for name, seconds in zip(methods(), zip(*taken, strict=True), strict=True)
    ]
    ratios = [two / full for two, full in taken]
    return [*rows, figures.at_most("two passes' time against the full graph", ratios, "times", 1.35)]


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    arguments = benchmark.parser.parse_args()
    import torch

    torch.set_num_threads(figures.CORES)
    rows, kept = [], []
    for cut in MEMORY_CUTS:
        found, most = memory(cut)
        rows += found
        kept.append(most)
    growth = 100 * (max(kept) / min(kept) - 1)
    rows.append(figures.at_most("two passes, 1 to 64 windows: growth of what is kept", [growth], "%", 5))
    if sys.platform == "linux":
        rows += process_peaks()
    rows += times()
    data = (
        f"random tokens, the starter's arm, windows of {MEMORY_WINDOW} (memory) and {TIME_WINDOW} (time) cubed voxels"
    )
    benchmark.finish(data, rows, arguments.json)


if __name__ == "__main__":
    main()
