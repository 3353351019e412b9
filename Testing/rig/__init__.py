"""Slicer without the application: real MRML from slicer-core, strict stand-ins for PythonQt, CTK and qMRML widgets."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rig.session import Session

_session: Session | None = None


def boot() -> Session:
    """Return the process's stand-in for Slicer; made at the first call.

    Raises
    ------
    rig.system.MissingLibrariesError
        When a shared library of the system is missing, with the command that installs it.
    """
    global _session  # noqa: PLW0603 (there is one application and one scene in a process)
    if _session is None:
        from rig import system

        system.require()
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
        from rig.session import Session

        _session = Session()
    return _session
