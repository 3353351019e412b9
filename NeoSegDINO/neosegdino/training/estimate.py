"""What a run will take, from one window measured on this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import psutil
import torch
from torch import Tensor

from neosegdino.bundle_store import find_bundle
from neosegdino.cases.case import Case
from neosegdino.cases.loading import load_case
from neosegdino.device import resolve
from neosegdino.inference import CHUNK
from neosegdino.spec import Spec
from neosegdino.training.losses import dice_and_cross_entropy
from neosegdino.training.prepare import windows_of
from neosegdino.training.scores import OUTSIDE
from neosegdino.training.settings import FinetuneSettings
from neosegdino.training.student import Student, create_student
from neosegdino.training.two_pass import two_pass_step
from neosegdino.training.views import STORED
from neosegdino.windows import WindowGrid

Answer = TypeVar("Answer")


class Estimate(Spec, frozen=True):
    """What a run will take, if all epochs are trained."""

    seconds: float
    memory_bytes: int
    """Most memory of the device (of the process, on a CPU)."""
    feature_bytes: int
    """Disk space of cached features, before the cache's bound."""
    device: str
    training_cases: int
    validation_cases: int

    def text(self) -> str:
        """One line for people."""
        disk = f", {self.feature_bytes / 1e9:.1f} GB of cached features" if self.feature_bytes else ""
        return (
            f"Cases to train on: {self.training_cases}, to validate: {self.validation_cases}. About "
            f"{_duration(self.seconds)} for all epochs, {self.memory_bytes / 1e9:.1f} GB of memory{disk} "
            f"({self.device}; from one window measured now)."
        )


def estimate(training: Sequence[Case], validation: Sequence[Case], settings: FinetuneSettings) -> Estimate:
    """Measure one window and count the rest.

    Raises
    ------
    NeoSegDINOError
        As `finetune` would, for the same reasons.
    """
    choice = resolve(settings.device)
    student = create_student(find_bundle(settings.bundle), settings, choice.device)
    trained, validated = (_windows(cases, student) for cases in (training, validation))
    encoding, step, forward, memory, size = _measure(student)
    encodings = trained * min(settings.views or settings.epochs, settings.epochs) + validated
    seconds = encodings * encoding + settings.epochs * (trained * step + validated * forward)
    cached = trained * min(settings.views, settings.epochs) + validated
    return Estimate(round(seconds, 1), memory, cached * size, choice.line, len(training), len(validation))


def _windows(cases: Sequence[Case], student: Student) -> int:
    return sum(windows_of(load_case(case), student.spec) for case in cases)


def _measure(student: Student) -> tuple[float, float, float, int, int]:
    """Seconds to encode, to train on and to decode a window; bytes of memory at most; bytes of its features."""
    device, window = next(student.model.arms.parameters()).device, student.spec.windows.size
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, *window, generator=generator).to(device)
    target = torch.randint(0, 1 + len(student.spec.classes), window, generator=generator).to(device)
    kind = device.type
    loss = dice_and_cross_entropy()
    student.model.arms.train()

    def encode() -> list[Tensor]:
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            return student.model.encoder(image, CHUNK[kind])  # type: ignore[no-any-return]

    def decode(positions: Sequence[int]) -> Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            scores: Tensor = student.model.arms(positions[0], tokens, image)
        return scores.float()

    encoding, tokens = _timed(encode)
    tokens = [part.float() for part in tokens]
    with torch.no_grad():
        forward, _ = _timed(lambda: decode([0]))
    cut = WindowGrid(window, (1, 1, 1), (0, 0, 0))
    step, _ = _timed(lambda: two_pass_step(decode, cut, target, loss, OUTSIDE))
    size = sum(part.numel() for part in tokens) * STORED.itemsize + image.numel() * 3
    # Where there are several windows, all but the last are decoded twice.
    twice = forward if student.spec.windows.default == "all" else 0.0
    return encoding, step + twice, forward, _memory(device), size


def _timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Seconds of the second call: the first one pays for what is set up once."""
    work()
    began = time.perf_counter()
    answer = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began, answer


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
