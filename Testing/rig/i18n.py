"""Stand-in for slicer.i18n: texts stay English."""

from __future__ import annotations


def tr(text: str) -> str:
    """Translate a text in the context of the calling file."""
    return text


def translate(_context: str, text: str) -> str:
    """Translate a text in a context."""
    return text
