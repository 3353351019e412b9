"""The loss of the starter's stages over their steps, read from their logs, as a picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from neosegdino.errors import TrainingError
from neosegdino.files import atomic_path

Point = tuple[int, float]
"""Steps done and the loss there."""
_LINE = re.compile(r"step (\d+) loss (\d+\.\d+)|(\d+) steps in [\d.]+ s, loss (\d+\.\d+)")
_COLOR = "#2b83c4"
_HIGH = 10.0
"""Times the median."""
_DOTS = {"marker": ".", "markersize": 3, "linewidth": 1}
"""So that a single point can be seen."""


def read_log(path: Path) -> list[Point]:
    """Points of a stage's log by step; where a stage was begun anew, what it had logged beyond that is dropped."""
    points: list[Point] = []
    for found in map(_LINE.match, path.read_text(encoding="utf-8").splitlines()):
        if found is not None:
            step, loss = int(found[1] or found[3]), float(found[2] or found[4])
            points = [*(point for point in points if point[0] < step), (step, loss)]
    return points


def scale(losses: Iterable[float]) -> Literal["linear", "log"]:
    """Kind of axis that shows losses: logarithmic where some are so high that nothing of the others could be seen."""
    known = sorted(losses)
    return "log" if known[-1] > _HIGH * known[len(known) // 2] else "linear"


def draw_stages(folder: Path, stages: Sequence[str], target: Path) -> None:
    """Write a PNG with the curve of every stage that has a log in the folder.

    Parameters
    ----------
    folder : Path
        Of the logs, ``STAGE.log``.
    stages : sequence of str
        Their names, in order.
    target : Path
        File that ends in .png, in an existing folder.

    Raises
    ------
    TrainingError
        No stage has logged anything.
    OutputError
        The file cannot be written.
    """
    logs = {stage: read_log(path) for stage in stages if (path := folder / f"{stage}.log").exists()}
    curves = {stage: points for stage, points in logs.items() if points}
    if not curves:
        raise TrainingError(f"{folder} holds no log of a stage.", "Train one first, or name the folder of the weights.")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(curves), 2.8), dpi=110, layout="constrained")
    for axes, (stage, points) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        axes.plot(*zip(*points, strict=True), color=_COLOR, **_DOTS)
        axes.set(title=f"Loss of the {stage}", xlabel="step", yscale=scale(loss for _, loss in points))
        axes.margins(x=0.02)
        axes.grid(alpha=0.25)
    with atomic_path(target) as temporary:
        figure.savefig(temporary)
