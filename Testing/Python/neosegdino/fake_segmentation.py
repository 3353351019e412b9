"""Stands in for `neosegdino.segment` where a test is about what happens around it.

Run as a program it is the command line with the stand-in in place; its first two arguments say how many seconds a
step and the drawing take.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from neosegdino import report
from neosegdino.bundle import Bundle
from neosegdino.device import DeviceChoice, resolve
from neosegdino.progress import Progress
from neosegdino.volume import Volume
from numpy.typing import NDArray

STEPS = 4


@dataclass(frozen=True, eq=False)
class Segmentation:
    volume: Volume
    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    report: dict[str, Any]


def two_boxes(volume: Volume) -> NDArray[np.uint8]:
    labels = np.zeros(volume.shape, np.uint8)
    middle = [size // 2 for size in volume.shape]
    labels[2 : middle[0] - 2, middle[1] - 4 : middle[1] + 4, middle[2] - 4 : middle[2] + 4] = 1
    labels[middle[0] + 2 : -2, middle[1] - 4 : middle[1] + 4, middle[2] - 4 : middle[2] + 4] = 2
    return labels


def make(step_s: float = 0.0) -> ModuleType:
    """Return a module with `segment`, each of whose steps takes `step_s` seconds."""

    def segment(
        volume: Volume, bundle: Bundle, *, windows: Any, device: str, age_weeks: Any, progress: Progress, **others: Any
    ) -> Segmentation:
        choice: DeviceChoice = resolve(device)
        progress.plan({"encode": 1})
        progress.start("encode", STEPS)
        for _ in range(STEPS):
            time.sleep(step_s)
            progress.advance()
        labels = two_boxes(volume)
        made = report.build(
            volume,
            labels,
            bundle,
            windows_used=windows or bundle.spec.windows.default,
            device=choice,
            timings={"encode": STEPS * step_s},
            mean_confidence={1: 0.9, 2: 0.8},
            removed={},
            age_weeks=age_weeks,
        )
        return Segmentation(volume, labels, np.full(volume.shape, 0.75, np.float32), made)

    module = ModuleType("neosegdino.segment")
    module.segment = segment  # type: ignore[attr-defined]
    module.Segmentation = Segmentation  # type: ignore[attr-defined]
    return module


def make_drawing(seconds: float) -> ModuleType:
    """Return a module with `draw`, which takes its time and leaves an empty file."""

    def draw(volume: Volume, labels: NDArray[np.uint8], classes: Any, path: Path) -> None:
        time.sleep(seconds)
        path.touch()

    module = ModuleType("neosegdino.snapshot")
    module.draw = draw  # type: ignore[attr-defined]
    return module


if __name__ == "__main__":
    step, drawing, *arguments = sys.argv[1:]
    sys.modules["neosegdino.segment"] = make(float(step))
    sys.modules["neosegdino.snapshot"] = make_drawing(float(drawing))
    from neosegdino.cli import main

    main(arguments, prog_name="neosegdino")
