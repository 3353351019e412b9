"""PySide6 6.12 on a Python before 3.12: many C++ methods take one reference too many to None, True or False.

From 3.12 on these are immortal and the fault does not show; before, a long event loop ends in "deallocating None".
"""

from __future__ import annotations

import ctypes
import sys

_PLENTY = 1 << 40


def make_plenty() -> None:
    """Give them more references than a process can lose (nothing to do where they are immortal)."""
    if sys.version_info < (3, 12):
        for value in (None, True, False):
            ctypes.c_ssize_t.from_address(id(value)).value += _PLENTY
