"""Several processes that train one model together, as torchrun starts them; one process needs none of this.

Every rank holds the whole model and owns some of the windows. Every rank must call the same methods in the same
order, as with all of torch.distributed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import Parameter

from neosegdino.device import resolve
from neosegdino.errors import DeviceError, TrainingError
from neosegdino.training.rank_end import REMEDY, ended_by_torchrun, ignore_sigterm

TIMEOUT = timedelta(minutes=30)
"""How long a rank waits for another one that lives but does not answer.

A rank that ends is noticed at once. The time is long because the first rank validates and writes while the others wait.
"""
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Ranks:
    """Which of a run's processes this one is, and what they do together.

    Attributes
    ----------
    number : int
        This process's rank.
    count : int
        Processes of the run.
    device : torch.device or None
        The device that belongs to this rank; None for a process alone, which chooses for itself.
    """

    number: int = 0
    count: int = 1
    device: torch.device | None = None

    @property
    def first(self) -> bool:
        """Whether this rank decides, writes and reports."""
        return self.number == 0

    def mine(self, positions: int) -> range:
        """Window positions of this rank: those whose remainder by the count is the rank; there may be none."""
        return range(self.number, positions, self.count)

    def gather(self, windows: Sequence[Tensor], positions: int) -> Tensor:
        """All windows ``(N, ...)`` in order, on every rank.

        Parameters
        ----------
        windows : sequence of Tensor
            Those of `mine`, in order, all of one shape and type.
        positions : int
            Windows of all ranks together.
        """
        if self.count == 1:
            return torch.stack(list(windows))
        nothing = (torch.Size(), torch.float32)  # a rank without a window does not know
        shape, dtype = self.agree((windows[0].shape, windows[0].dtype) if windows else nothing)
        stack = torch.zeros(positions, *shape, dtype=dtype, device=self.device)
        for position, window in zip(self.mine(positions), windows, strict=True):
            stack[position] = window
        # Exact: every window is added to nothing but zeros. Unlike all_gather it takes uneven counts without padding.
        with _others():
            dist.all_reduce(stack)
        return stack

    def share(self, tensor: Tensor) -> Tensor:
        """Return the first rank's tensor on every rank; the others give one of the same shape and type."""
        if self.count == 1:
            return tensor
        shared = tensor.contiguous()
        with _others():
            dist.broadcast(shared, src=0)
        return shared

    def agree(self, value: Value) -> Value:
        """Return the first rank's value, of any plain kind, on every rank; what the others give is not looked at."""
        if self.count == 1:
            return value
        box = [value if self.first else None]
        with _others():
            dist.broadcast_object_list(box, src=0, device=self.device)
        return cast(Value, box[0])

    def sum_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Add up the gradients of all ranks, once before the optimiser's step.

        A parameter that no rank used keeps no gradient, as in one process: an optimiser then leaves it alone.
        """
        if self.count == 1:
            return
        every = [parameter for parameter in parameters if parameter.requires_grad]
        used = torch.tensor([parameter.grad is not None for parameter in every], device=self.device).int()
        with _others():
            dist.all_reduce(used, dist.ReduceOp.MAX)
        trained = [parameter for parameter, flag in zip(every, used.tolist(), strict=True) if flag]
        if not trained:
            return
        own = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        flat = torch.cat([gradient.reshape(-1) for gradient in own])
        with _others():
            dist.all_reduce(flat)
        for parameter, total in zip(trained, flat.split([p.numel() for p in trained]), strict=True):
            parameter.grad = total.view_as(parameter).to(parameter.dtype).clone()

    def barrier(self) -> None:
        """Wait until every rank has come here."""
        if self.count > 1:
            with _others():
                dist.barrier()


ALONE = Ranks()
"""The only process of a run; torch.distributed is not touched."""


@contextmanager
def joined(device: str = "auto", timeout: timedelta = TIMEOUT) -> Iterator[Ranks]:
    """Join the other processes of a run for the time of a ``with`` block; `ALONE` where torchrun started none.

    While the block runs, the SIGTERM that torchrun sends to the ranks that are left when one has ended becomes an
    error, see `ended_by_torchrun`.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda`` (each process takes the GPU of its local rank) or ``auto`` (GPUs where the machine has any).
    timeout : timedelta
        How long a rank waits for another one that lives but does not answer.

    Raises
    ------
    TrainingError
        Another process ended or did not answer in time; also raised by the methods of `Ranks`.
    DeviceError
        The device cannot be used by several processes, or there are fewer GPUs than processes.
    """
    if any(name not in os.environ for name in _TORCHRUN) or int(os.environ["WORLD_SIZE"]) == 1:
        yield ALONE
        return
    own = _own_device(device, int(os.environ["LOCAL_RANK"]))
    with ended_by_torchrun():
        on_gpu = own.type == "cuda"
        if on_gpu:
            torch.cuda.set_device(own)
        with _others():
            dist.init_process_group("nccl" if on_gpu else "gloo", timeout=timeout, device_id=own if on_gpu else None)
        yield Ranks(dist.get_rank(), dist.get_world_size(), own)
        dist.destroy_process_group()  # not after an error: it may wait for a rank that is gone


def _own_device(name: str, local: int) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if name not in ("auto", "cuda"):
        raise DeviceError(
            f"Several processes cannot train on the one device {name}.",
            "Choose --device cuda, with which each process takes a GPU of its own, or cpu.",
        )
    gpus = torch.cuda.device_count()
    if 0 < gpus <= local:
        raise DeviceError(
            f"torchrun started more processes than this machine has GPUs ({gpus}).",
            "Start as many processes as there are GPUs, or choose --device cpu.",
        )
    return resolve(f"cuda:{local}").device


@contextmanager
def _others() -> Iterator[None]:
    """Turn the failure of a collective into an error that a user can act on."""
    try:
        yield
    except RuntimeError as error:
        ignore_sigterm()
        cause = str(error).strip().split("\n")[0]
        raise TrainingError(f"Another process of the run ended or stopped answering ({cause}).", REMEDY) from error
