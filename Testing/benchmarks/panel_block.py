"""A click on Segment Hippocampus with the real worker: how long the window stood still.

    python Testing/benchmarks/panel_block.py [--json FILE]

In the rig, each time in a fresh process, on the shipped sample. A timer of 5 ms runs in the window's thread; its
largest gap between the click and the shown result is how long the event loop was blocked. The rig draws no views: what
Slicer's own views take to show the result is not in it.
"""

from __future__ import annotations

import json
import time

import figures
from figures import REPOSITORY, SAMPLE

REPEATS = 3
TICK_MS = 5


class Clock:
    """Times of the timer's ticks, and what the panel was doing."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.last = self.began
        self.gaps: list[tuple[float, float, str]] = []

    def tick(self, stage: str) -> None:
        """Note the gap since the last tick: its length and its end, in ms after the start."""
        now = time.perf_counter()
        self.gaps.append((1e3 * (now - self.last), 1e3 * (now - self.began), stage))
        self.last = now


def once() -> dict[str, object]:
    """Click and wait for the result."""
    import rig

    session = rig.boot()
    panel = session.load_module(REPOSITORY / "NeoSegDINO" / "NeoSegDINO.py").widgetRepresentation()
    panel.enter()
    import qt
    import slicer

    slicer.util.loadVolume(str(SAMPLE))
    session.process_events()
    ui, tab, loop = panel.self().ui, panel.self().segmentTab, qt.QEventLoop()
    clock = Clock()

    def tick() -> None:
        clock.tick(ui.stageLabel.text)
        if tab.run is None:
            loop.quit()

    timer = qt.QTimer()
    timer.setTimerType(qt.Qt.PreciseTimer)
    timer.connect("timeout()", tick)
    timer.start(TICK_MS)
    ui.segmentButton.click()
    clicked = time.perf_counter()
    loop.exec_()
    timer.stop()
    session.process_events()
    if ui.resultTable.rowCount < 2:
        raise SystemExit(f"no result: {ui.messageLabel.text}")
    worst = sorted(clock.gaps, reverse=True)[:5]
    return {
        "click_ms": 1e3 * (clicked - clock.began),
        "longest_ms": worst[0][0],
        "result_ms": clock.gaps[-1][0],
        "total_s": clock.gaps[-1][1] / 1e3,
        "worst": worst,
    }


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    benchmark.parser.add_argument("--once", action="store_true", help="one process, in JSON")
    arguments = benchmark.parser.parse_args()
    if arguments.once:
        print(json.dumps(once()))
        return
    runs = figures.in_fresh_processes(__file__, REPEATS)
    rows = [
        figures.at_most("longest block from click to shown result", [run["longest_ms"] for run in runs], "ms", 100),
        figures.plain("the click itself", [run["click_ms"] for run in runs], "ms"),
        figures.plain("putting the result into the scene", [run["result_ms"] for run in runs], "ms"),
        figures.plain("from click to shown result", [run["total_s"] for run in runs], "s"),
    ]
    benchmark.finish(f"{figures.sample_words()}; {REPEATS} fresh processes", rows, arguments.json)


if __name__ == "__main__":
    main()
