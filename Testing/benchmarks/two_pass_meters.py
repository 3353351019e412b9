"""What a decoder holds in memory during a training step: bytes kept for its backward pass, and a GPU's own peak."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Decode = Callable[[Sequence[int]], "Tensor"]


class KeptBytes:
    """Bytes that are alive for the backward pass of what a decoder does; each storage once, weights not counted."""

    def __init__(self, weights: nn.Module) -> None:
        self._ignored = {parameter.untyped_storage().data_ptr() for parameter in weights.parameters()}
        self._uses: dict[int, int] = {}
        self._live = 0
        self.peak = 0

    def watch(self, decode: Decode) -> Decode:
        """Return the decoder watched."""

        def watched(positions: Sequence[int]) -> Tensor:
            with self._inside():
                return decode(positions)

        return watched

    @contextmanager
    def _inside(self) -> Iterator[None]:
        import torch

        with torch.autograd.graph.saved_tensors_hooks(self._pack, lambda saved: saved.tensor):
            yield

    def _pack(self, tensor: Tensor) -> _Saved:
        saved, storage = _Saved(tensor), tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key not in self._ignored:
            self._uses[key] = self._uses.get(key, 0) + 1
            self._live += size if self._uses[key] == 1 else 0
            self.peak = max(self.peak, self._live)
            weakref.finalize(saved, self._release, key, size)
        return saved

    def _release(self, key: int, size: int) -> None:
        self._uses[key] -= 1
        self._live -= 0 if self._uses[key] else size


class _Saved:
    """A saved tensor whose end can be seen."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class GpuPeak:
    """Most bytes of a GPU that a decoder takes at once, forward and backward, work space of its kernels included.

    Taken from the statistics of torch's allocator (bytes asked for), above what lies outside the decoder at that time:
    the volume's scores, their gradient and the loss are not counted.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held = 0
        """Bytes of the graphs whose backward pass has not begun, without the decoder's results."""
        self._outside: int | None = None
        """Bytes outside the decoder, once a backward pass has begun."""
        self.peak = 0

    def watch(self, decode: Decode) -> Decode:
        """Return the decoder watched."""
        import torch

        def watched(positions: Sequence[int]) -> Tensor:
            self.finish()
            before = self._now()
            torch.cuda.reset_peak_memory_stats(self._device)
            scores = decode(positions)
            self.peak = max(self.peak, self._now("peak") - before + self._held)
            if scores.requires_grad:
                self._held += self._now() - before - scores.numel() * scores.element_size()
                scores.register_hook(self._begin_backward)
            return scores

        return watched

    def finish(self) -> None:
        """Take the peak of a backward pass that has ended."""
        if self._outside is not None:
            self.peak = max(self.peak, self._now("peak") - self._outside)
            self._outside, self._held = None, 0

    def _begin_backward(self, _gradient: Tensor) -> None:
        import torch

        if self._outside is None:
            self._outside = self._now() - self._held
            torch.cuda.reset_peak_memory_stats(self._device)

    def _now(self, which: str = "current") -> int:
        import torch

        return int(torch.cuda.memory_stats(self._device)[f"requested_bytes.all.{which}"])
