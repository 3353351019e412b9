"""The one way to report progress: events, what collects them, and the sinks that show them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Literal, TextIO

import msgspec

from neosegdino.errors import Cancelled, NeoSegDINOError


class ProgressEvent(msgspec.Struct, frozen=True, tag_field="event", tag="progress"):
    """How far the work is."""

    fraction: float
    """0 to 1, never falling."""
    stage: str
    remaining_s: float | None
    """Seconds from the rate measured in this run; None until that can be said honestly."""


class LogEvent(msgspec.Struct, frozen=True, tag_field="event", tag="log"):
    """Something to tell the user."""

    level: Literal["info", "warning"]
    message: str


class ResultEvent(msgspec.Struct, frozen=True, tag_field="event", tag="result"):
    """One input is done."""

    output: dict[str, Any]


class ErrorEvent(msgspec.Struct, frozen=True, tag_field="event", tag="error"):
    """One input, or all of the work, failed."""

    kind: str
    message: str
    remedy: str
    exit_code: int


Event = ProgressEvent | LogEvent | ResultEvent | ErrorEvent
Sink = Callable[[Event], None]

_HONEST_FRACTION = 0.1
_HONEST_SECONDS = 1.0


def error_event(error: NeoSegDINOError) -> ErrorEvent:
    """Return the event of an error."""
    return ErrorEvent(type(error).__name__, error.message, error.remedy, error.exit_code)


def _never() -> bool:
    return False


def _ignore(event: Event) -> None:
    pass


class Progress:
    """Follows work through planned stages, tells a sink, and stops it when asked.

    Parameters
    ----------
    sink : callable, optional
        Takes every event; by default they are dropped.
    cancelled : callable, optional
        Asked at every step; once true, `Cancelled` is raised.
    runs : int, optional
        How many plans follow one another, for several inputs under one bar.
    clock : callable, optional
        Seconds, for tests.
    """

    def __init__(
        self,
        sink: Sink | None = None,
        cancelled: Callable[[], bool] = _never,
        *,
        runs: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink or _ignore
        self._cancelled = cancelled
        self._clock = clock
        self._runs = runs
        self._run = 0
        self._shares: dict[str, float] = {}
        self._kept = 0.0  # of this run, what the bar showed when it was started over
        self._measured_from = 0  # run with which the measured time begins
        self._begun = clock()
        self._stage = ""
        self._stage_begun = self._begun
        self._done_share = 0.0  # of this run, stages before the present one
        self._steps = 0
        self._total = 1
        self._shown = 0.0

    def plan(self, stages: Mapping[str, float]) -> None:
        """Begin a run.

        Parameters
        ----------
        stages : mapping of str to float
            The stages in order, each with its expected share of the time; shares need not sum to 1.
        """
        self._kept = 0.0
        self._divide(stages)

    def start_over(self, stages: Mapping[str, float]) -> None:
        """Begin the present run once more, such as on another device.

        What the bar shows stays and the rest of it is shared anew; the time that is left is measured from now on.
        """
        self._kept = self._in_run()
        self._measured_from, self._begun = self._run, self._clock()
        self._divide(stages)

    def divide_steps(self, parts: int) -> None:
        """Say that each step of the present stage is from now on done in several smaller ones."""
        self._steps, self._total = self._steps * parts, self._total * parts

    def start(self, stage: str, total: int = 1) -> None:
        """Begin a planned stage of `total` steps; the one before counts as done.

        Raises
        ------
        KeyError
            The stage was not planned.
        Cancelled
            The user cancelled.
        """
        names = list(self._shares)
        if stage not in self._shares:
            raise KeyError(f"stage {stage!r} is not among the planned ones: {', '.join(names)}")
        self._done_share = sum(self._shares[name] for name in names[: names.index(stage)])
        self._stage, self._steps, self._total = stage, 0, max(1, total)
        self._stage_begun = self._clock()
        self._step()

    def advance(self, steps: int = 1) -> None:
        """Say that steps of the present stage are done.

        Raises
        ------
        Cancelled
            The user cancelled.
        """
        self._steps = min(self._total, self._steps + steps)
        self._step()

    def finish(self) -> None:
        """Say that the present run is over, also when it failed; the next one is planned anew."""
        self._run = min(self._runs, self._run + 1)
        self._shares, self._stage, self._kept = {"done": 0.0}, "done", 0.0
        self._done_share, self._steps, self._total = 0.0, 0, 1
        self._emit()

    def cancelled(self) -> bool:
        """Whether the work is to stop, for work that reports to another one meanwhile."""
        return self._cancelled()

    def log(self, message: str, level: Literal["info", "warning"] = "info") -> None:
        """Tell the user something."""
        self._sink(LogEvent(level, message))

    def _divide(self, stages: Mapping[str, float]) -> None:
        whole = sum(stages.values())
        self._shares = {name: share / whole for name, share in stages.items()}
        self._stage, self._done_share = "", 0.0
        self._steps, self._total = 0, 1

    def _step(self) -> None:
        if self._cancelled():
            raise Cancelled("Cancelled before the result was written.")
        self._emit()

    def _since_plan(self) -> float:
        """Share of the stages that is done."""
        return self._done_share + self._shares.get(self._stage, 0.0) * self._steps / self._total

    def _in_run(self) -> float:
        """Share of the present run that is done."""
        return self._kept + (1 - self._kept) * self._since_plan()

    def _emit(self) -> None:
        self._shown = min(1.0, max(self._shown, (self._run + self._in_run()) / self._runs))
        self._sink(ProgressEvent(round(self._shown, 4), self._stage, self._remaining()))

    def _remaining(self) -> float | None:
        """Measured time per share so far, and in the present stage the measured time per step."""
        now = self._clock()
        elapsed = now - self._begun
        done = self._run - self._measured_from + self._since_plan()
        if done / self._runs < _HONEST_FRACTION or elapsed < _HONEST_SECONDS:
            return None
        per_share = elapsed / done
        left = self._shares[self._stage] * per_share
        if self._steps:
            left = (now - self._stage_begun) / self._steps * (self._total - self._steps)
        later = self._runs - self._run - self._done_share - self._shares[self._stage]
        return round(left + max(0.0, later) * per_share, 1)


def json_lines(stream: BinaryIO) -> Sink:
    """Return a sink that writes one JSON object a line; a reader that went away cancels the work."""

    def write(event: Event) -> None:
        try:
            stream.write(msgspec.json.encode(event) + b"\n")
            stream.flush()
        except BrokenPipeError as error:
            # What is still buffered has to go somewhere, or the interpreter fails once more when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise Cancelled("Cancelled: the reader of the progress went away.") from error

    return write


class TerminalBar:
    """A sink that shows a bar and messages on a terminal; to be closed after the work."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from tqdm import tqdm

        self._stream = stream or sys.stderr
        self._bar = tqdm(total=100, file=self._stream, disable=None, bar_format="{percentage:3.0f}% |{bar}| {desc}")

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, ProgressEvent):
            left = "" if event.remaining_s is None else f", {event.remaining_s:.0f} s left"
            self._bar.set_description_str(event.stage + left, refresh=False)
            self._bar.n = 100 * event.fraction
            self._bar.refresh()
        elif isinstance(event, LogEvent):
            prefix = "Warning: " if event.level == "warning" else ""
            self._bar.write(prefix + event.message, file=self._stream)

    def clear(self) -> None:
        """Take the bar off the screen until the next event, for other text to be printed."""
        self._bar.clear()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()
