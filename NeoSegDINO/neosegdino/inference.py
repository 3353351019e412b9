"""Windows through a model on one device: chunks, cancelling, and less at a time where memory is short."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neosegdino import flags
from neosegdino.device import DeviceChoice, memory_errors, ran_out_of_memory, release_memory
from neosegdino.flags import Flag
from neosegdino.geometry import Grid
from neosegdino.model import WindowModel, rescale_windows
from neosegdino.progress import Progress
from neosegdino.spec import BundleSpec
from neosegdino.windows import WindowGrid, disassemble, reassemble

Answer = TypeVar("Answer")

CHUNK = {"cpu": 8, "mps": 16, "cuda": 128}
"""Slices encoded at a time."""


@dataclass
class Run:
    """What one segmentation carries from step to step: device, progress, findings, timings."""

    spec: BundleSpec
    choice: DeviceChoice
    progress: Progress
    notes: list[Flag] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    chunk: int = 0

    def __post_init__(self) -> None:
        self.chunk = self.chunk or CHUNK[self.choice.device.type]

    @contextmanager
    def stage(self, name: str, steps: int = 1) -> Iterator[None]:
        """Begin a stage of the progress and add the time it takes to the timings."""
        self.progress.start(name, steps)
        began = time.perf_counter()
        yield
        self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - began

    def note(self, code: str, message: str) -> None:
        """Keep a finding for the report and tell the user now."""
        self.notes.append(Flag(code, message))
        self.progress.log(message, "warning")


def rescale(windows: Tensor, run: Run) -> Tensor:
    """Scale windows ``(N, 1, x, y, z)`` as the model was trained on them."""
    return rescale_windows(windows, run.spec.preprocessing.percentile, run.spec.preprocessing.clip)


def segment_windows(model: WindowModel, image: Tensor, grid: Grid, cut: WindowGrid, run: Run) -> NDArray[np.float32]:
    """Class probabilities on the model's grid, window by window.

    Parameters
    ----------
    model : WindowModel
        Encoder and arms.
    image : Tensor
        ``(1, X, Y, Z)`` scaled image on the model's grid.
    grid : Grid
        The model's grid.
    cut : WindowGrid
        Its windows; empty ones are background without being encoded.
    run : Run
        Device and progress; one step of the present stage per chunk.

    Returns
    -------
    ndarray
        ``(classes, X, Y, Z)``.
    """
    windows = rescale(disassemble(image, cut), run)
    background = torch.zeros(model.classes, device=windows.device)
    background[0] = 1
    empty = background[:, None, None, None].expand(-1, *cut.window)
    parts = [
        probabilities(model, position, window[None], run, run.spec.temperature) if bool(window.any()) else empty
        for position, window in enumerate(windows)
    ]
    whole: NDArray[np.float32] = reassemble(torch.stack(parts), cut, grid.shape, background).cpu().numpy()
    return whole


def count_chunks(model: WindowModel, image: Tensor, cut: WindowGrid, run: Run) -> int:
    """Chunks that `segment_windows` will encode."""
    windows = disassemble(image, cut)
    return sum(model.chunks(window[None], run.chunk) for window in windows if bool(window.any()))


def probabilities(model: WindowModel, position: int, window: Tensor, run: Run, temperature: float) -> Tensor:
    """Probabilities ``(classes, x, y, z)`` of one rescaled window ``(1, 1, x, y, z)``."""
    device = run.choice.device

    def work(chunk: int) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            scores: Tensor = model(window, position, chunk, run.progress.advance)
        return (scores[0].float() / temperature).softmax(dim=0)

    return with_less_memory(work, run)


def with_less_memory(work: Callable[[int], Answer], run: Run) -> Answer:
    """Run a piece of work; where the card's memory does not suffice, with half as many slices at a time, and say so.

    Raises
    ------
    DeviceMemoryError
        One slice is too much already.
    """
    while run.chunk > 1:
        try:
            return work(run.chunk)
        except RuntimeError as error:
            if not ran_out_of_memory(error):
                raise
        release_memory(run.choice.device)  # after the handler: the error's traceback holds what did not fit
        run.chunk //= 2
        run.progress.divide_steps(2)
        run.note(flags.MEMORY, f"The device ran out of memory; continuing with {_slices(run.chunk)} at a time.")
    with memory_errors(run.choice, "one slice"):
        return work(run.chunk)


def _slices(count: int) -> str:
    return "1 slice" if count == 1 else f"{count} slices"
