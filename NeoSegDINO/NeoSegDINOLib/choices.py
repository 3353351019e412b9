"""Choices of the panel; names and defaults are those of the command line."""

from __future__ import annotations

import enum

from slicer.i18n import tr as _


class Windows(enum.Enum):
    """How a volume is covered (``--windows``)."""

    located = "located"
    all = "all"

    def label(self) -> str:
        """Text of the combo box."""
        return {Windows.located: _("Located window"), Windows.all: _("Whole volume")}[self]


class Device(enum.Enum):
    """Where the model runs (``--device``)."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"

    def label(self) -> str:
        """Text of the combo box."""
        return {
            Device.auto: _("Automatic"),
            Device.cpu: _("Processor (CPU)"),
            Device.cuda: _("Graphics card (CUDA)"),
            Device.mps: _("Graphics of a Mac (MPS)"),
        }[self]


class FinetuneWindows(enum.Enum):
    """What is trained on (``--windows``)."""

    located = "located"
    all = "all"

    def label(self) -> str:
        """Text of the combo box."""
        return {
            FinetuneWindows.located: _("One, over both hippocampi"),
            FinetuneWindows.all: _("Several, side by side"),
        }[self]


class Arms(enum.Enum):
    """Decoding arms (``--arms``)."""

    shared = "shared"
    per_window = "per-window"

    def label(self) -> str:
        """Text of the combo box."""
        return {Arms.shared: _("One for all windows"), Arms.per_window: _("One per window")}[self]
