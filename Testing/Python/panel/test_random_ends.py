"""Runs that end at a random moment, by Cancel or a killed worker: nothing of them is left, in the scene or beside it.

``NEOSEGDINO_ENDS=200`` draws so many moments, one in five of them with the real worker.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest
import slicer
from module_samples.leaks import kill_workers, wait_for_no_leftovers
from module_samples.volumes import add_volume, scene_contents
from NeoSegDINOLib.results import report_of

ENDS = int(os.environ.get("NEOSEGDINO_ENDS", "15"))
REAL_ENDS = ENDS // 5


@pytest.fixture
def run_once(models, jobs, module_widget, slicer_scene):
    """Click, let a time pass, then end the run in a way; returns how it ended."""
    ui, tab = module_widget.ui, module_widget.segmentTab

    def pass_time(seconds: float) -> None:
        until = time.monotonic() + seconds
        while tab.run is not None and time.monotonic() < until:
            slicer_scene.process_events()
            time.sleep(0.002)

    def kill() -> None:
        slicer_scene.wait_for(lambda: tab.run is None or kill_workers(jobs) > 0)
        slicer_scene.wait_for(lambda: tab.run is None)

    def run(seconds: float, end: str) -> str:
        before = scene_contents()
        ui.segmentButton.click()
        started = tab.run
        pass_time(seconds)
        if end == "kill":
            kill()
        elif tab.run is not None:
            ui.cancelButton.click()
        assert started.join(10)
        wait_for_no_leftovers(jobs)
        assert ui.segmentButton.enabled and ui.choicesWidget.enabled and ui.progressWidget.isHidden()
        if started.error is None:
            remove_result(started.node)
            assert scene_contents().keys() == before.keys()
            return "finished"
        assert scene_contents() == before
        assert ui.messageLabel.text.startswith(started.error.message)
        return f"{end}: {type(started.error).__name__}"

    return run


def remove_result(node) -> None:
    """Take a whole result out of the scene."""
    assert len(report_of(node)["hippocampus"]) == node.GetSegmentation().GetNumberOfSegments() == 2
    slicer.mrmlScene.RemoveNode(node.GetDisplayNode())
    slicer.mrmlScene.RemoveNode(node)


def end_often(run_once, times: int) -> None:
    """Let a run end by itself, then others within its time."""
    began = time.monotonic()
    assert run_once(600, "") == "finished"
    longest = time.monotonic() - began
    draw = random.Random(times)
    ends = Counter(run_once(draw.uniform(0, longest), draw.choice(["cancel", "kill"])) for _ in range(times))
    print(f"{times} ends within {longest:.1f} s:", dict(ends))


def test_of_a_worker_in_fast_motion(run_once, fake_worker):
    fake_worker("slow")
    add_volume()
    end_often(run_once, ENDS - REAL_ENDS)


@pytest.mark.slow
def test_of_the_real_worker(run_once, module_widget, tiny_models, monkeypatch):
    monkeypatch.setenv("NEOSEGDINO_MODELS", str(tiny_models))
    module_widget.segmentTab.show_bundles()
    module_widget._parameterNode.bundle = "tiny"
    add_volume(shape=(50, 60, 60))
    end_often(run_once, REAL_ENDS)
