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
_COLUMNS = 3
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

    columns = min(len(curves), _COLUMNS)
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.8 * rows), dpi=110, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for (stage, points), axes in zip(curves.items(), panels, strict=False):
        axes.plot(*zip(*points, strict=True), color=_COLOR, **_DOTS)
        axes.set(title=f"Loss, {stage}", xlabel="step", yscale=scale(loss for _, loss in points))
        axes.margins(x=0.02)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(alpha=0.25)
    for axes in panels:  # those that are left
        axes.set_axis_off()
    with atomic_path(target) as temporary:
        figure.savefig(temporary)
