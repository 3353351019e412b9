"""The one table of errors: what went wrong, what to do, and the exit code that says so."""

from __future__ import annotations


class NeoSegDINOError(Exception):
    """An error a user can act on.

    Parameters
    ----------
    message : str
        What is wrong, naming the file or node.
    remedy : str, optional
        What to do about it, as one sentence.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class VolumeError(NeoSegDINOError):
    """An input volume cannot be read or does not suit the method."""

    exit_code = 3


class BundleError(NeoSegDINOError):
    """A model bundle is missing, damaged or of another schema."""

    exit_code = 4


class WeightsError(NeoSegDINOError):
    """Encoder weights cannot be had, do not fit, or their licence was not accepted."""

    exit_code = 5


class DeviceError(NeoSegDINOError):
    """The asked-for device is absent, unusable or out of memory."""

    exit_code = 6


class DeviceMemoryError(DeviceError):
    """The device has too little memory for even the smallest piece of the work."""


class OutputError(NeoSegDINOError):
    """A result cannot be written."""

    exit_code = 7


class DependencyError(NeoSegDINOError):
    """A Python package that the work needs is missing or does not load."""

    exit_code = 8


class CaseError(NeoSegDINOError):
    """Cases for training or evaluation are missing, do not fit together, or are too few."""

    exit_code = 9


class TrainingError(NeoSegDINOError):
    """A training run cannot be started, gone on with or finished; its last good checkpoint is kept."""

    exit_code = 10


class Cancelled(NeoSegDINOError):
    """The user cancelled; nothing was written."""

    exit_code = 130


class Paused(Cancelled):
    """The user asked a training run to pause; it can be gone on with."""

    exit_code = 0
