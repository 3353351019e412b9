"""Which device computes: asked for by name, tried with a tiny kernel before it is trusted."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neosegdino.errors import DeviceError, DeviceMemoryError

if TYPE_CHECKING:
    import torch

_NAMES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_TOLERANCE = 1e-2  # relative; GPUs may multiply in TF32
_GIB = 1 << 30
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


@dataclass(frozen=True)
class DeviceChoice:
    """The device to use.

    Attributes
    ----------
    device : torch.device
        It.
    line : str
        One line that names it, for people.
    notes : tuple of str
        Why it is not the one that might be expected.
    """

    device: torch.device
    line: str
    notes: tuple[str, ...] = ()


def resolve(name: str = "auto") -> DeviceChoice:
    """Choose the device.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:<number>`` or ``mps``. ``auto`` takes a GPU that works, else the CPU, and
        says so when there is a GPU that does not work.

    Raises
    ------
    DeviceError
        The name is unknown, or the device asked for is absent or does not compute rightly.
    """
    import torch

    if not _NAMES.fullmatch(name):
        raise DeviceError(f"There is no device {name!r}.", "Choose auto, cpu, cuda, cuda:<number> or mps.")
    if name != "auto":
        device = torch.device(name)
        if problem := probe(device):
            raise DeviceError(f"The device {name} cannot be used: {problem}.", "Choose --device auto or cpu.")
        return DeviceChoice(device, line(device))
    notes = _unreachable()
    for candidate in _accelerators():
        if not (problem := probe(candidate)):
            return DeviceChoice(candidate, line(candidate), tuple(notes))
        notes.append(f"The device {candidate} is there but cannot be used ({problem}); the CPU computes instead.")
    cpu = torch.device("cpu")
    return DeviceChoice(cpu, line(cpu), tuple(notes))


def _unreachable() -> list[str]:
    """Say why a card that is there cannot be reached, such as a driver that is too old; torch only warns of it."""
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.is_available()
    reasons = [str(warning.message).strip().split("\n")[0].rstrip(".") for warning in said]
    return [f"PyTorch cannot reach a graphics card ({reason}); the CPU computes instead." for reason in reasons]


def cpu_instead(choice: DeviceChoice, reason: str) -> DeviceChoice:
    """Choose the CPU in place of a device that has failed; the reason is among the notes."""
    import torch

    cpu = torch.device("cpu")
    return DeviceChoice(cpu, line(cpu), (*choice.notes, reason))


def ran_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says that memory was too small: Apple's GPU and the CPU have no class for that."""
    import torch

    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(words in said for words in _MEMORY_WORDS)


@contextmanager
def memory_errors(choice: DeviceChoice, what: str) -> Iterator[None]:
    """Turn torch's ways of saying that memory is too small for `what` into the one of this package.

    Raises
    ------
    DeviceMemoryError
        Torch ran out of memory.
    """
    try:
        yield
    except RuntimeError as error:
        if not ran_out_of_memory(error):
            raise
        cpu = choice.device.type == "cpu"
        remedy = "Close other programs, or crop the image to the head." if cpu else "Choose --device cpu."
        raise DeviceMemoryError(f"{choice.line} has too little memory for {what}.", remedy) from error


def release_memory(device: torch.device) -> None:
    """Give memory back that torch keeps for later, so that the next try has all of it."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _accelerators() -> list[torch.device]:
    import torch

    found = [torch.device("cuda", 0)] if torch.cuda.is_available() else []
    return found + ([torch.device("mps")] if torch.backends.mps.is_available() else [])


def probe(device: torch.device) -> str:
    """Run a tiny kernel and compare it with the CPU; return what is wrong, empty when nothing is."""
    import torch

    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 4, 16, 16, generator=generator)
    kernel = torch.randn(8, 4, 3, 3, generator=generator)
    try:
        wanted = _kernel(image, kernel)
        result = _kernel(image.to(device), kernel.to(device)).cpu()
    except (RuntimeError, AssertionError) as error:  # torch says both when a build or a driver lacks the device
        return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
    close = torch.allclose(result, wanted, rtol=_TOLERANCE, atol=_TOLERANCE * float(wanted.abs().max()))
    return "" if close else "it computes other results than the CPU"


def _kernel(image: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    import torch.nn.functional as F

    rows = F.conv2d(image, kernel, padding=1).flatten(2)[0]
    return (rows @ rows.T).softmax(dim=0)


def line(device: torch.device) -> str:
    """Name a device in one line, with its free memory."""
    import torch

    free = free_memory(device) / _GIB
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory / _GIB
        name = torch.cuda.get_device_name(device)
        return f"{name} ({device}), CUDA {torch.version.cuda}, {free:.1f} of {total:.1f} GiB free"
    threads = torch.get_num_threads()
    kind = "Apple GPU (mps)" if device.type == "mps" else f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return f"{kind}, {free:.1f} GiB free"


def free_memory(device: torch.device) -> int:
    """Return the free memory of a device in bytes; for the CPU and Apple's GPU that of the machine."""
    import psutil
    import torch

    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return int(psutil.virtual_memory().available)


def describe(choice: DeviceChoice) -> dict[str, Any]:
    """Return a device as a report states it."""
    import torch

    return {
        "name": str(choice.device),
        "line": choice.line,
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "free_bytes": free_memory(choice.device),
    }
