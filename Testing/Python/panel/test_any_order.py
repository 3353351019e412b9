from __future__ import annotations

import os

from any_order import AnyOrder, World
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

STEPS_OF_A_USER = 40
STEPS = int(os.environ.get("NEOSEGDINO_STEPS", "400"))


def test_any_steps_in_any_order_leave_a_panel_that_works(slicer_scene, module_file, jobs, fake_worker):
    chosen = settings(
        max_examples=max(1, STEPS // STEPS_OF_A_USER),
        stateful_step_count=STEPS_OF_A_USER,
        derandomize="NEOSEGDINO_STEPS" not in os.environ,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    world = World(slicer_scene, module_file, jobs, fake_worker)
    run_state_machine_as_test(lambda: AnyOrder(world), settings=chosen)
