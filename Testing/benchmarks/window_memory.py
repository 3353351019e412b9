"""The two-pass training step against one graph over all windows: activation memory of the decoder, and time.

    python Testing/benchmarks/window_memory.py [--device cuda] [--json FILE] [--plot FILE]

Kept bytes are those that the decoding arm keeps for its backward pass (`torch.autograd.graph.saved_tensors_hooks`; each
storage once, weights not counted). On a GPU the arm's peak by torch's allocator is taken as well: activations,
gradients on their way and work space, above what lies outside the arm, in pass 1 as well. The scores and the loss of
the reassembled volume grow with the volume, are the same for all and are not counted; the peak of the whole step counts
them too.

Two passes are taken as the trainer takes them: where no graph is kept, it decodes as many windows at once as fit into
the memory of one window's graph (--together). The full graph decodes window by window: the plain step that two passes
stand for, and what they are judged by. The full graph in groups decodes as many windows at once as pass 1 does, so that
it has the same part in what groups save; two passes' times are told against it as well.

Time is that of whole steps: the kinds take turns, the order changes from round to round, each round gives one ratio,
and steps before the first round do not count. The arm is the starter bundle's, on a GPU in bfloat16 as in training; all
windows have the same random tokens. A full graph that does not fit into the GPU is left out.
"""

from __future__ import annotations

import gc
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import figures
import psutil
from figures import Figure
from two_pass_meters import Decode, GpuPeak, KeptBytes

if TYPE_CHECKING:
    from torch import Tensor

COUNTS = (1, 2, 4, 8, 16, 32, 64)
WINDOW = {"cpu": 16, "cuda": 64}
"""Voxels along each axis of a window."""
REPEATS = {"cpu": 3, "cuda": 7}
MIB = 1 << 20
OUTSIDE = (0.0, -10.0, -10.0)
TWO, FULL, GROUPS = "two passes", "full graph", "full graph in groups"
NAMES = (TWO, FULL, GROUPS)


def methods(together: int) -> dict[str, Callable[..., object]]:
    """All kinds of step by name."""
    from neosegdino.training.two_pass import full_graph_step, two_pass_step

    return {
        TWO: partial(two_pass_step, together=together),
        FULL: full_graph_step,
        GROUPS: partial(full_graph_step, together=together),
    }


def cut(count: int) -> tuple[int, int, int]:
    """Windows per axis of a nearly cubic volume; the count is a power of two."""
    x, y, z = (2 ** len(range(axis, count.bit_length() - 1, 3)) for axis in range(3))
    return x, y, z


class Step:
    """A training step over cubic windows of random tokens.

    Parameters
    ----------
    size : int
        Voxels along each axis of a window.
    count : int
        Windows.
    device : str
        ``cpu`` or ``cuda``.
    together : int, optional
        Windows decoded at once; what the trainer does by default.
    """

    def __init__(self, size: int, count: int, device: str, together: int | None) -> None:
        import torch
        from neosegdino.decoder import DecodingArms, HeadShape
        from neosegdino.training import starter
        from neosegdino.training.losses import dice_and_cross_entropy
        from neosegdino.training.views import Sample
        from neosegdino.windows import WindowGrid

        torch.manual_seed(0)
        self._device = torch.device(device)
        window, tokens = (size, size, size), (size // 4, size, size // 4)  # coronal slices, 4 voxels to a token
        shape = HeadShape(192, len(starter.ENCODER.blocks), window, tokens, starter.CLASSES)
        self._arms = DecodingArms(starter.DECODER, shape, axis=1).to(self._device)
        self._grid = WindowGrid(window, cut(count), (0, 0, 0))
        given = [torch.randn(1, shape.channels, *tokens, device=self._device) for _ in range(shape.blocks)]
        images = torch.rand(1, 1, *window, device=self._device).expand(count, -1, -1, -1, -1)
        self._target = torch.randint(0, starter.CLASSES, self._grid.extent, device=self._device)
        self._sample = Sample(images, self._target, self._grid, lambda position: given)
        self._loss = dice_and_cross_entropy()
        self.together = together or self._arms.together()
        self.methods = methods(self.together)

    def decode(self, positions: Sequence[int]) -> Tensor:
        """Scores of windows, as in training."""
        from neosegdino.training.scores import window_scores

        return window_scores(self._arms, self._sample, positions)

    def run(self, step: Callable[..., object], decode: Decode | None = None) -> None:
        """Take one step."""
        self._arms.zero_grad(set_to_none=False)
        step(decode or self.decode, self._grid, self._target, self._loss, OUTSIDE)

    def kept(self, step: Callable[..., object]) -> float:
        """Most MiB that the decoder keeps for its backward pass."""
        meter = KeptBytes(self._arms)
        self.run(step, meter.watch(self.decode))
        return meter.peak / MIB

    def arm_peak(self, step: Callable[..., object]) -> float:
        """Most MiB of the GPU that the decoder takes."""
        meter = GpuPeak(self._device)
        self.run(step, meter.watch(self.decode))
        meter.finish()
        return meter.peak / MIB

    def step_peak(self, step: Callable[..., object]) -> float:
        """Most MiB of the GPU that the step takes above what is held before, scores and loss included."""
        import torch

        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        self.run(step)
        return (torch.cuda.max_memory_allocated(self._device) - before) / MIB

    def seconds(self, step: Callable[..., object]) -> float:
        """Time of one step."""
        self._wait()
        began = time.perf_counter()
        self.run(step)
        self._wait()
        return time.perf_counter() - began

    def _wait(self) -> None:
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def measure(size: int, count: int, device: str, repeats: int, together: int) -> dict[str, Any]:
    """All figures of one number of windows; None stands for a full graph that does not fit."""
    step = Step(size, count, device, together)
    fitting = {name: method for name, method in step.methods.items() if fits(step, method)}
    entry: dict[str, Any] = {"windows": count}
    for name in NAMES:
        method = fitting.get(name)
        entry[f"{name}, kept MiB"] = method and step.kept(method)
        if device == "cuda":
            entry[f"{name}, arm MiB"] = method and step.arm_peak(method)
            entry[f"{name}, step MiB"] = method and step.step_peak(method)
    taken = times(step, fitting, repeats)
    for name in NAMES:
        entry[f"{name}, s"] = statistics.median(taken[name]) if name in taken else None
    for name in (FULL, GROUPS):
        ratios = [two / full for two, full in zip(taken[TWO], taken.get(name, []), strict=False)]
        entry[f"times {name}"] = statistics.median(ratios) if ratios else None
        entry[f"all times {name}"] = ratios
    return entry


def fits(step: Step, method: Callable[..., object]) -> bool:
    """Take a first step that counts for nothing; False when the GPU's memory is too small for it."""
    import torch

    try:
        step.run(method)
    except torch.cuda.OutOfMemoryError:
        pass
    else:
        return True
    gc.collect()
    torch.cuda.empty_cache()
    return False


def times(step: Step, fitting: dict[str, Callable[..., object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each kind of step, round by round.

    Python's search for unreachable objects goes over every object of every loaded package, for a tenth of a second and
    more, and falls upon one kind of step rather than another. As in `timeit` it is kept out: what is there is frozen.
    """
    gc.collect()
    gc.freeze()
    taken: dict[str, list[float]] = {name: [] for name in fitting}
    for turn in range(repeats):
        for name, method in list(fitting.items())[:: -1 if turn % 2 else 1]:
            taken[name].append(step.seconds(method))
    return taken


def process_peak(name: str, size: int, count: int, together: int) -> float:
    """Peak memory of this process during a step, above that before it, in MiB (Linux)."""
    step, small = Step(size, count, "cpu", together), Step(size, 1, "cpu", together)
    small.run(small.methods[name])  # what is loaded and made once does not count
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    step.run(step.methods[name])
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(float(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return float(peak * 1024 - before) / MIB


def whole_peaks(series: list[dict[str, Any]], size: int, device: str, together: int) -> list[Figure]:
    """Memory of whole steps over the most windows; on a CPU of fresh processes, as freed memory is given back late."""
    count = series[-1]["windows"]
    if device == "cuda":
        found = {name: series[-1][f"{name}, step MiB"] for name in NAMES}
    elif sys.platform == "linux":
        found = {}
        for name in NAMES:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found[name] = pool.apply(process_peak, [name, size, count, together])
    else:
        found = {}
    return [
        figures.plain(f"{words(count)}, {name}: whole step above its start, volume and loss included", [peak], "MiB")
        for name, peak in found.items()
        if peak is not None
    ]


def judged(series: list[dict[str, Any]], device: str) -> list[Figure]:
    """Figures with the bars."""
    activations = f"{TWO}, {'arm' if device == 'cuda' else 'kept'} MiB"
    memory = [entry[activations] for entry in series]
    growth = 100 * (max(memory) / min(memory) - 1)
    both = [entry for entry in series if entry[f"times {FULL}"] is not None]
    shares = [entry["windows"] * entry[f"{TWO}, kept MiB"] / entry[f"{FULL}, kept MiB"] for entry in both]
    most = words(series[-1]["windows"])
    return [
        *(
            figures.plain(f"{words(entry['windows'])}, two passes: activation memory", [entry[activations]], "MiB")
            for entry in (series[0], series[-1])
        ),
        figures.at_most(f"two passes, 1 to {most}: growth of activation memory", [growth], "%", 5),
        figures.at_most("two passes' share of the kept bytes of the full graph x windows", shares, "", 1.05),
        figures.at_most(*slowest(series, FULL), 1.35),
        figures.plain(*slowest(series, GROUPS)),
    ]


def slowest(series: list[dict[str, Any]], name: str) -> tuple[str, list[float], str]:
    """What is measured, values and unit: two passes' time against a full graph where it is longest."""
    known = [entry for entry in series if entry[f"times {name}"] is not None]
    entry = max(known, key=lambda entry: float(entry[f"times {name}"]))
    what = f"two passes' time against the {name}, slowest of all ({words(entry['windows'])})"
    return what, entry[f"all times {name}"], "times"


def words(count: int) -> str:
    """Return the count with its noun."""
    return f"{count} windows" if count > 1 else "1 window"


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    benchmark.parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    benchmark.parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures into this PNG file")
    benchmark.parser.add_argument("--window", type=int, help="voxels along each axis of a window, a multiple of 4")
    benchmark.parser.add_argument("--most", type=int, choices=COUNTS, default=COUNTS[-1], help="windows at most")
    benchmark.parser.add_argument("--repeats", type=int, help="rounds that count")
    benchmark.parser.add_argument("--together", type=int, help="windows decoded at once; else as in training")
    arguments = benchmark.parser.parse_args()
    import torch
    from two_pass_plot import draw

    torch.set_num_threads(figures.CORES)
    device = arguments.device
    size, repeats = arguments.window or WINDOW[device], arguments.repeats or REPEATS[device]
    counts = [count for count in COUNTS if count <= arguments.most]
    together = Step(size, 1, device, arguments.together).together
    series = [measure(size, count, device, repeats, together) for count in counts]
    rows = judged(series, device) + whole_peaks(series, size, device, together)
    data = f"random tokens, the starter's arm, windows of {size} cubed voxels, {together} at once; {repeats} rounds"
    card = torch.cuda.get_device_name() if device == "cuda" else ""
    record = benchmark.finish(data, rows, arguments.json, card, series)
    if arguments.plot:
        draw([record], arguments.plot)


if __name__ == "__main__":
    main()
