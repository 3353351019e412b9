"""The two-pass step against the full graph as a picture: memory and time over the number of windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"two passes": "tab:blue", "full graph": "tab:orange", "full graph in groups": "tab:green"}
STYLES = {"two passes": "o-", "full graph": "o-", "full graph in groups": "s:"}


def draw(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw records of window_memory.py, one row of axes each, into a PNG file.

    Parameters
    ----------
    records : sequence of dict
        As written by `figures.Benchmark.finish`, with their series.
    path : Path
        The picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8 * len(records)), layout="constrained")
    rows = figure.subplots(len(records), 2, squeeze=False)
    for (memory, time), record in zip(rows, records, strict=True):
        series = record["series"]
        memory_key = "arm MiB" if "two passes, arm MiB" in series[0] else "kept MiB"
        _lines(memory, series, memory_key, "activation memory [MiB]")
        _lines(time, series, "s", "time of a step [s]")
        memory.set_title(f"{record['machine']}\n{record['data']}", fontsize=8, loc="left")
        _ratios(time, series)
    figure.savefig(path, dpi=120)


def _ratios(axes: Axes, series: Sequence[dict[str, Any]]) -> None:
    """Write how many times as long as each full graph two passes take: above and below the lines, in their colours."""
    for name, above in (("full graph", True), ("full graph in groups", False)):
        for entry in series:
            if (ratio := entry[f"times {name}"]) is None:
                continue
            known = [entry[f"{method}, s"] for method in COLOURS if entry[f"{method}, s"] is not None]
            axes.annotate(
                f"x {ratio:.2f}",
                (entry["windows"], max(known) if above else min(known)),
                (0, 7 if above else -7),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                fontsize=7,
                color=COLOURS[name],
            )


def _lines(axes: Axes, series: Sequence[dict[str, Any]], key: str, label: str) -> None:
    for method, colour in COLOURS.items():
        points = [(entry["windows"], entry[f"{method}, {key}"]) for entry in series]
        fitting = [(count, value) for count, value in points if value is not None]
        axes.plot(*zip(*fitting, strict=True), STYLES[method], color=colour, label=method, markersize=5)
    counts = [entry["windows"] for entry in series]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("windows")
    axes.set_ylabel(label)
    axes.margins(x=0.08, y=0.12)
    axes.grid(alpha=0.3)
    axes.legend()
