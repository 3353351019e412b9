"""Segmenting where the device has too little memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from neosegdino import segment as module
from neosegdino.bundle import Bundle
from neosegdino.device import DeviceChoice
from neosegdino.encoder import SliceEncoder
from neosegdino.errors import DeviceMemoryError
from neosegdino.progress import Event, LogEvent, Progress, ProgressEvent
from neosegdino.segment import Segmentation, segment

pytestmark = pytest.mark.usefixtures("one_thread")


def short_of_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """The device holds at most so many slices; return the sizes of the chunks that were tried."""
    encode, tried = SliceEncoder.encode_slices, []

    def encode_slices(self: SliceEncoder, slices: torch.Tensor) -> list[torch.Tensor]:
        tried.append(len(slices))
        if len(slices) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(self, slices)

    monkeypatch.setattr(SliceEncoder, "encode_slices", encode_slices)
    return tried


def test_where_memory_is_short_fewer_slices_are_taken_and_that_is_said(
    oracle: Bundle, straight: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = short_of_memory(monkeypatch, most=3)
    events: list[Event] = []
    result = segment(straight.volume, oracle, progress=Progress(events.append))
    assert np.array_equal(result.labels, straight.labels)
    assert tried[:3] == [8, 4, 2]
    assert max(tried[3:]) == 2
    for count in (4, 2):
        text = f"out of memory; continuing with {count} slices at a time"
        assert any(text in warning for warning in result.report["warnings"])
        assert any(isinstance(event, LogEvent) and text in event.message for event in events)
    fractions = [event.fraction for event in events if isinstance(event, ProgressEvent)]
    assert fractions == sorted(fractions)


def test_where_not_even_one_slice_fits(oracle: Bundle, straight: Segmentation, monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch, most=0)
    with pytest.raises(DeviceMemoryError, match="too little memory for one slice") as caught:
        segment(straight.volume, oracle)
    assert "Close other programs" in caught.value.remedy


@pytest.fixture
def small_card(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """A device that holds no slice at all, until the CPU takes over; returns the events of the run."""
    encode = SliceEncoder.encode_slices
    events: list[Event] = []

    def encode_slices(self: SliceEncoder, slices: torch.Tensor) -> list[torch.Tensor]:
        if not any(isinstance(event, LogEvent) and "CPU computes instead" in event.message for event in events):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(self, slices)

    choice = DeviceChoice(torch.device("cpu", 0), "Small card (cuda:0)", ("It is small.",))
    monkeypatch.setattr(module, "resolve", lambda _name: choice)
    monkeypatch.setattr(SliceEncoder, "encode_slices", encode_slices)
    return events


def test_the_cpu_takes_over_from_a_card_that_is_too_small_and_that_is_said(
    oracle: Bundle, straight: Segmentation, small_card: list[Event]
) -> None:
    result = segment(straight.volume, oracle, progress=Progress(small_card.append))
    assert np.array_equal(result.labels, straight.labels)
    text = "Small card (cuda:0) has too little memory for one slice. The CPU computes instead, which takes longer."
    assert text in result.report["warnings"]
    assert "It is small." in result.report["warnings"]
    assert result.report["device"]["name"] == "cpu"
    assert [event.message for event in small_card if isinstance(event, LogEvent)][-1] == text
    fractions = [event.fraction for event in small_card if isinstance(event, ProgressEvent)]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 8, "the bar has to move on the CPU too"


def test_a_card_that_was_asked_for_by_name_is_not_exchanged(
    oracle: Bundle, straight: Segmentation, small_card: list[Event]
) -> None:
    with pytest.raises(DeviceMemoryError, match=r"Small card \(cuda:0\) has too little memory for one slice"):
        segment(straight.volume, oracle, device="cuda", progress=Progress(small_card.append))


def test_too_little_memory_for_the_model_itself_is_told_as_such(
    oracle: Bundle, straight: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_arguments: Any) -> Any:
        raise RuntimeError("MPS backend out of memory (MPS allocated: 5.50 GB, max allowed: 6.80 GB).")

    monkeypatch.setattr(module, "load_models", load)
    with pytest.raises(DeviceMemoryError, match="too little memory for this model and image"):
        segment(straight.volume, oracle)


def test_other_failures_of_torch_are_not_taken_for_a_lack_of_memory(
    oracle: Bundle, straight: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode_slices(*_arguments: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(SliceEncoder, "encode_slices", encode_slices)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        segment(straight.volume, oracle)
