from __future__ import annotations

import warnings

import pytest
import torch
from neosegdino import device
from neosegdino.device import DeviceChoice, cpu_instead, memory_errors, resolve
from neosegdino.errors import DeviceError, DeviceMemoryError


@pytest.fixture
def no_accelerators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_accelerators", list)


@pytest.fixture
def odd_accelerator(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """The meta device stands for a GPU that is there but gives nothing back."""
    odd = torch.device("meta")
    monkeypatch.setattr(device, "_accelerators", lambda: [odd])
    return odd


def test_cpu_works_and_is_named() -> None:
    choice = device.resolve("cpu")
    assert choice.device == torch.device("cpu")
    assert choice.line.startswith("CPU, ")
    assert "GiB free" in choice.line
    assert choice.notes == ()


@pytest.mark.usefixtures("no_accelerators")
def test_auto_is_the_cpu_without_a_gpu_and_needs_no_note() -> None:
    assert device.resolve("auto") == device.resolve("cpu")


def test_auto_falls_back_from_a_gpu_that_does_not_work_and_says_so(odd_accelerator: torch.device) -> None:
    choice = device.resolve("auto")
    assert choice.device.type == "cpu"
    (note,) = choice.notes
    assert str(odd_accelerator) in note
    assert "the CPU computes instead" in note


def test_auto_takes_a_gpu_that_works(monkeypatch: pytest.MonkeyPatch, odd_accelerator: torch.device) -> None:
    monkeypatch.setattr(device, "probe", lambda candidate: "")
    assert device.resolve("auto").device == odd_accelerator


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "CPU", "", "cuda:0;"])
def test_unknown_name(name: str) -> None:
    with pytest.raises(DeviceError, match="There is no device") as caught:
        device.resolve(name)
    assert "cuda:<number>" in caught.value.remedy


@pytest.mark.parametrize("name", ["cuda:99", "mps"])
def test_absent_device_asked_for_is_an_error(name: str) -> None:
    with pytest.raises(DeviceError, match=f"The device {name} cannot be used: .+"):
        device.resolve(name)


def test_probe_notices_wrong_results(monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter([torch.zeros(8, 8), torch.ones(8, 8)])
    monkeypatch.setattr(device, "_kernel", lambda image, kernel: next(results))
    assert device.probe(torch.device("cpu")) == "it computes other results than the CPU"


def test_probe_of_the_cpu_finds_nothing() -> None:
    assert device.probe(torch.device("cpu")) == ""


def test_description_is_plain_data() -> None:
    described = device.describe(device.resolve("cpu"))
    assert described["name"] == "cpu"
    assert described["torch"] == torch.__version__
    assert described["free_bytes"] > 1 << 20


@pytest.mark.usefixtures("no_accelerators")
def test_auto_says_why_a_card_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch does with a driver that is too old: there is no CUDA, and a warning."""

    def warn() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old.\nUpdate it.", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", warn)
    (note,) = device.resolve("auto").notes
    assert "(CUDA initialization: The NVIDIA driver on your system is too old)" in note
    assert "the CPU computes instead" in note


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.50 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_a_lack_of_memory_has_one_name(error: RuntimeError) -> None:
    choice = DeviceChoice(torch.device("cuda"), "Card (cuda:0)")
    text = r"Card \(cuda:0\) has too little memory for a test"
    with pytest.raises(DeviceMemoryError, match=text) as caught, memory_errors(choice, "a test"):
        raise error
    assert caught.value.remedy == "Choose --device cpu."
    assert caught.value.exit_code == 6


def test_a_real_lack_of_memory_on_the_cpu_has_that_name() -> None:
    text = "too little memory for a test"
    with pytest.raises(DeviceMemoryError, match=text) as caught, memory_errors(resolve("cpu"), "a test"):
        torch.empty(1 << 60, dtype=torch.uint8)
    assert "Close other programs" in caught.value.remedy


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(resolve("cpu"), "a test"):
        raise RuntimeError("shapes do not fit")


def test_the_cpu_in_place_of_a_card_says_why() -> None:
    choice = cpu_instead(DeviceChoice(torch.device("cuda"), "Card", ("First.",)), "Second.")
    assert choice.device == torch.device("cpu")
    assert choice.notes == ("First.", "Second.")
    assert choice.line.startswith("CPU")
