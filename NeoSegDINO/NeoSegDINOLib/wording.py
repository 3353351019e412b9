"""Stages, remaining time and messages in words."""

from __future__ import annotations

import math

from neosegdino.errors import NeoSegDINOError
from slicer.i18n import tr as _


def stage_in_words(stage: str) -> str:
    """Say what the worker is doing."""
    known = {
        "start": _("Starting"),
        "load": _("Loading the model"),
        "prepare": _("Preparing the volume"),
        "locate": _("Looking for the hippocampi"),
        "segment": _("Outlining the hippocampi"),
        "restore": _("Bringing the result to the volume's grid"),
        "done": _("Fetching the result"),
    }
    return known.get(stage, stage.capitalize())


def remaining_in_words(seconds: float | None) -> str:
    """Remaining time, rounded as far as it can be trusted; empty while it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 5:
        return _("a few seconds left")
    if seconds < 55:
        return _("about {seconds} s left").format(seconds=5 * math.ceil(seconds / 5))
    return _("about {minutes} min left").format(minutes=math.ceil(seconds / 60))


def progress_in_words(stage: str, remaining_s: float | None) -> str:
    """One line below the progress bar."""
    return ", ".join(part for part in (stage_in_words(stage), remaining_in_words(remaining_s)) if part)


def note_in_words(note: str) -> str:
    """A warning of the worker below its progress; empty for none."""
    return f"\n\u26a0 {note}" if note else ""


def error_in_words(error: NeoSegDINOError) -> str:
    """Say what went wrong and what to do, in two paragraphs."""
    return "\n\n".join(part for part in (error.message, error.remedy) if part)
