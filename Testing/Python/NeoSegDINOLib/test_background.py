from __future__ import annotations

import threading
import time

import pytest
from neosegdino.errors import DependencyError, OutputError, VolumeError
from NeoSegDINOLib.background import Background


@pytest.fixture
def ends(slicer_scene):
    """Do some work; returns what was told of its end."""

    def run(work):
        told = []
        background = Background(work, told.append, told.append)
        background.start()
        background.wait()
        return told

    return run


def test_the_result_is_told_once_in_the_windows_thread(ends):
    threads = []
    assert ends(lambda: threads.append(threading.current_thread()) or 7) == [7]
    assert threads != [threading.main_thread()]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (VolumeError("bad"), VolumeError),
        (ModuleNotFoundError("No module named 'x'"), DependencyError),
        (PermissionError("no"), OutputError),
        (ZeroDivisionError("odd"), OutputError),
    ],
)
def test_every_error_is_told_in_words(ends, raised, kind):
    def work():
        raise raised

    (error,) = ends(work)
    assert type(error) is kind
    assert str(raised).strip("'") in error.message or isinstance(raised, ModuleNotFoundError)


def test_what_is_forgotten_is_told_to_nobody(slicer_scene):
    told, go_on = [], threading.Event()
    background = Background(lambda: go_on.wait(10), told.append, told.append)
    background.start()
    background.forget()
    go_on.set()
    assert background.join(5)
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        slicer_scene.process_events()
    background.poll()
    assert told == []
