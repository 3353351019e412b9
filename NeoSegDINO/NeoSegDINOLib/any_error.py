"""Any exception as an error that a panel can tell."""

from __future__ import annotations

import logging

from neosegdino.errors import DependencyError, NeoSegDINOError, OutputError
from slicer.i18n import tr as _


def as_told(error: Exception) -> NeoSegDINOError:
    """Return an error with a remedy; one that nobody expects is written to the console with its traceback."""
    if isinstance(error, NeoSegDINOError):
        return error
    if isinstance(error, ImportError):
        return DependencyError(
            _("A Python package does not load: {error}.").format(error=error), _("Restart Slicer and try again.")
        )
    if isinstance(error, OSError):
        return OutputError(
            _("A file cannot be used: {error}.").format(error=error), _("Check the folder and the free space.")
        )
    logging.error("NeoSegDINO: an unexpected error", exc_info=error)
    return OutputError(
        _("Unexpected: {error}.").format(error=repr(error)), _("Slicer's Python console says more; please report it.")
    )
