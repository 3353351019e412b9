"""``NEOSEGDINO_STEPS=2000`` takes so many steps, drawn anew; see `any_order`."""

from __future__ import annotations

import os

from any_order import AnyOrder, World
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

STEPS = int(os.environ.get("NEOSEGDINO_STEPS", "400"))
STEPS_OF_ONE_USER = 40


def test_any_steps_in_any_order_leave_a_panel_that_works(slicer_scene, module_file, jobs, fake_worker):
    fake_worker("as_named")
    world = World(slicer_scene, module_file, jobs)
    users = settings(
        max_examples=STEPS // STEPS_OF_ONE_USER,
        stateful_step_count=STEPS_OF_ONE_USER,
        derandomize="NEOSEGDINO_STEPS" not in os.environ,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # workers are as quick as they are: a step less is another story
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(lambda: AnyOrder(world), settings=users)
