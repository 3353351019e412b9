from __future__ import annotations

import gc
import weakref

import pytest
from NeoSegDINOLib.timer import Timer


class Clock:
    """Owns a timer and is called by it."""

    def __init__(self, *, once: bool = False) -> None:
        self.ticks = 0
        self.timer = Timer(5, self.tick, once=once)

    def tick(self) -> None:
        self.ticks += 1


def wait_a_moment(session) -> None:
    """Longer than several ticks take."""
    rounds = iter(range(20))
    session.wait_for(lambda: next(rounds, None) is None)


def test_it_calls_until_it_is_stopped(slicer_scene):
    clock = Clock()
    clock.timer.start()
    clock.timer.start()
    slicer_scene.wait_for(lambda: clock.ticks >= 3)
    clock.timer.stop()
    before = clock.ticks
    wait_a_moment(slicer_scene)
    assert clock.ticks == before
    clock.timer.start()
    slicer_scene.wait_for(lambda: clock.ticks > before)
    clock.timer.stop()
    clock.timer.stop()


def test_once_is_once_a_start(slicer_scene):
    clock = Clock(once=True)
    for expected in (1, 2):
        clock.timer.start()
        wait_a_moment(slicer_scene)
        assert clock.ticks == expected


def run_out(session, *, once: bool) -> weakref.ref[Clock]:
    """Let a timer run, and end it."""
    clock = Clock(once=once)
    clock.timer.start()
    session.wait_for(lambda: clock.ticks == 1)
    if not once:
        clock.timer.stop()
    return weakref.ref(clock)


@pytest.mark.parametrize("once", [False, True])
def test_a_timer_that_has_ended_keeps_nobody(slicer_scene, once):
    kept = run_out(slicer_scene, once=once)
    gc.collect()
    assert kept() is None
