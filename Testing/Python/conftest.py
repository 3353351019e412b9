"""Fixtures shared by all tests. Nothing of Slicer's stand-in is imported unless a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rig.session import Session

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE_FILE = REPOSITORY / "NeoSegDINO" / "NeoSegDINO.py"


@pytest.fixture
def slicer_scene() -> Iterator[Session]:
    """Slicer's stand-in with an empty scene: booted once in a process, cleared after each test.

    The test fails when an exception was raised in a slot or an observer (and not taken with ``problems.take()``), when
    Slicer would have refused a connection, and when an answer was set for a dialog that never came.
    """
    import rig

    session = rig.boot()
    session.clear()
    session.problems.take()
    yield session
    unused = session.dialogs.unused
    session.clear()
    assert session.problems.take() == []
    assert session.views_are_there(), "the test removed nodes of views, which Slicer never does"
    assert unused == 0, f"{unused} answers were set for dialogs that never came"


@pytest.fixture
def module_file() -> Path:
    """The module's file, for tests that load it themselves."""
    return MODULE_FILE


@pytest.fixture
def module(slicer_scene: Session) -> Iterator[Any]:
    """The module NeoSegDINO, loaded from its file (``slicer.modules.neosegdino``)."""
    loaded = slicer_scene.load_module(MODULE_FILE)
    yield loaded
    loaded.unload()


@pytest.fixture
def module_widget(module: Any) -> Any:
    """The module's Python widget, with its panel built and entered."""
    representation = module.widgetRepresentation()
    representation.enter()
    return representation.self()
