from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import neosegdino
import pytest
from neosegdino import progress as module
from neosegdino.errors import Cancelled, VolumeError
from neosegdino.progress import Event, LogEvent, Progress, ProgressEvent, ResultEvent


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def events() -> list[Event]:
    return []


def fractions(events: list[Event]) -> list[float]:
    return [event.fraction for event in events if isinstance(event, ProgressEvent)]


def test_fraction_follows_the_shares(events: list[Event]) -> None:
    progress = Progress(events.append)
    progress.plan({"read": 1, "encode": 3})
    progress.start("read")
    progress.advance()
    progress.start("encode", 3)
    for _ in range(3):
        progress.advance()
    assert fractions(events) == [0.0, 0.25, 0.25, 0.5, 0.75, 1.0]
    assert [event.stage for event in events if isinstance(event, ProgressEvent)] == ["read"] * 2 + ["encode"] * 4


def test_fraction_never_falls_nor_passes_one(events: list[Event]) -> None:
    progress = Progress(events.append)
    progress.plan({"a": 1, "b": 1})
    progress.start("b", 2)
    progress.advance(5)
    progress.start("a", 2)
    progress.advance()
    assert fractions(events) == [0.5, 1.0, 1.0, 1.0]


def test_several_runs_share_one_bar(events: list[Event]) -> None:
    progress = Progress(events.append, runs=2)
    for _ in range(2):
        progress.plan({"only": 1})
        progress.start("only", 2)
        progress.advance()
        progress.finish()
    assert fractions(events) == [0.0, 0.25, 0.5, 0.5, 0.75, 1.0]


def test_run_that_failed_before_its_plan_counts_as_over(events: list[Event]) -> None:
    progress = Progress(events.append, runs=2)
    progress.finish()
    progress.plan({"only": 1})
    progress.start("only")
    assert fractions(events) == [0.5, 0.5]


def test_remaining_time_is_unknown_until_measured_and_then_from_the_measured_rate(events: list[Event]) -> None:
    clock = Clock()
    progress = Progress(events.append, clock=clock)
    progress.plan({"read": 0.2, "encode": 0.8})
    progress.start("read")
    clock.now = 0.5
    progress.advance()
    clock.now = 2.0
    progress.start("encode", 10)
    for _ in range(4):
        clock.now += 3.0  # far slower than planned
        progress.advance()
    shown = [event.remaining_s for event in events if isinstance(event, ProgressEvent)]
    assert shown[:2] == [None, None]
    assert shown[-1] == 18.0


def test_remaining_time_counts_the_runs_to_come(events: list[Event]) -> None:
    clock = Clock()
    progress = Progress(events.append, runs=4, clock=clock)
    progress.plan({"only": 1})
    progress.start("only", 2)
    clock.now = 10.0
    progress.advance()
    assert isinstance(events[-1], ProgressEvent)
    assert events[-1].remaining_s == 10.0 + 3 * 20.0


def test_a_run_that_starts_over_keeps_the_bar_and_measures_anew(events: list[Event]) -> None:
    clock = Clock()
    progress = Progress(events.append, clock=clock)
    progress.plan({"read": 1, "encode": 1})
    progress.start("read")
    clock.now = 1.0
    progress.advance()
    clock.now = 50.0  # lost on a device that was given up
    progress.start_over({"read": 1, "encode": 1})
    progress.start("read")
    clock.now = 52.0
    progress.advance()
    progress.start("encode", 2)
    clock.now = 53.0
    progress.advance()
    assert fractions(events) == [0.0, 0.5, 0.5, 0.75, 0.75, 0.875]
    shown = [event.remaining_s for event in events if isinstance(event, ProgressEvent)]
    assert shown[2] is None
    assert shown[-1] == 1.0
    progress.finish()
    assert fractions(events)[-1] == 1.0


def test_steps_in_smaller_parts_do_not_fill_the_bar_too_soon(events: list[Event]) -> None:
    progress = Progress(events.append)
    progress.plan({"encode": 1})
    progress.start("encode", 4)
    progress.advance()
    progress.divide_steps(2)
    for _ in range(6):
        progress.advance()
    assert fractions(events) == [0, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]


def test_cancelling_stops_at_the_next_step(events: list[Event]) -> None:
    answers = iter([False, True])
    progress = Progress(events.append, lambda: next(answers))
    progress.plan({"only": 1})
    progress.start("only", 2)
    with pytest.raises(Cancelled) as caught:
        progress.advance()
    assert caught.value.exit_code == 130
    assert len(events) == 1


def test_unplanned_stage_is_an_error() -> None:
    progress = Progress()
    progress.plan({"a": 1})
    with pytest.raises(KeyError, match="among the planned ones: a"):
        progress.start("b")


def test_json_lines_are_the_documented_objects() -> None:
    stream = io.BytesIO()
    sink = module.json_lines(stream)
    sink(ProgressEvent(0.42, "encode", None))
    sink(LogEvent("warning", "Ungewöhnlich"))
    sink(ResultEvent({"labels": "a.nii.gz"}))
    sink(module.error_event(VolumeError("No contrast.", "Give another.")))
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"event": "progress", "fraction": 0.42, "stage": "encode", "remaining_s": None},
        {"event": "log", "level": "warning", "message": "Ungewöhnlich"},
        {"event": "result", "output": {"labels": "a.nii.gz"}},
        {
            "event": "error",
            "kind": "VolumeError",
            "message": "No contrast.",
            "remedy": "Give another.",
            "exit_code": 3,
        },
    ]


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_reader_that_goes_away_cancels_and_the_process_ends_cleanly() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(neosegdino.__file__).parents[1])!r})\n"
        "from neosegdino.progress import LogEvent, json_lines\n"
        "from neosegdino.errors import Cancelled\n"
        "sink = json_lines(sys.stdout.buffer)\n"
        "sys.stdin.readline()\n"
        "try:\n    sink(LogEvent('info', 'x'))\nexcept Cancelled as error:\n    sys.exit(error.exit_code)\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert worker.stdout is not None
    worker.stdout.close()
    worker.stdout = None
    _, errors = worker.communicate(b"go\n", timeout=60)
    assert (worker.returncode, errors) == (130, b"")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_bar_shows_stage_percentage_time_and_messages() -> None:
    stream = Terminal()
    bar = module.TerminalBar(stream)
    bar(ProgressEvent(0.5, "encode", 12.3))
    bar(LogEvent("warning", "Hot voxels were clipped."))
    bar.close()
    shown = stream.getvalue()
    for part in ("50%", "encode, 12 s left", "Warning: Hot voxels were clipped.\n"):
        assert part in shown


def test_no_bar_is_drawn_into_a_log_file() -> None:
    stream = io.StringIO()
    bar = module.TerminalBar(stream)
    bar(ProgressEvent(0.5, "encode", None))
    bar(LogEvent("info", "message"))
    bar.close()
    assert stream.getvalue() == "message\n"
