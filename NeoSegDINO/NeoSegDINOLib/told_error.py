"""The error that a worker has printed before it ended, out of its text."""

from __future__ import annotations

import re

import neosegdino.errors as table
from neosegdino.errors import NeoSegDINOError, TrainingError
from slicer.i18n import tr as _

_ERROR = re.compile(r"^Error: (.+)$", re.MULTILINE)
_REMEDY = re.compile(r"^\s+Remedy: (.+)$", re.MULTILINE)


def told_error(text: str, exit_code: int) -> NeoSegDINOError:
    """Error of a worker that ended badly.

    Parameters
    ----------
    text : str
        What it printed on standard error; the last ``Error:`` and its ``Remedy:`` count.
    exit_code : int
        Its exit code, which names the kind of the error.
    """
    errors = list(_ERROR.finditer(text))
    if errors:
        remedy = _REMEDY.search(text, errors[-1].end())
        return _class_of(exit_code)(errors[-1][1], remedy[1] if remedy else "")
    lines = text.strip().splitlines()
    last = lines[-1].strip() if lines else "it left no message"
    return TrainingError(
        _("The worker process died with exit code {code}: {error}").format(code=exit_code, error=last),
        _("Copy the log and report it; if the graphics card is at fault, choose the processor as device."),
    )


def _class_of(exit_code: int) -> type[NeoSegDINOError]:
    kinds = [kind for kind in vars(table).values() if isinstance(kind, type) and issubclass(kind, NeoSegDINOError)]
    return next((kind for kind in kinds if kind.exit_code == exit_code), NeoSegDINOError)
