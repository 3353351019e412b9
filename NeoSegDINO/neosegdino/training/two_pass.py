"""Two-pass training: the exact gradient of a loss on the whole volume with the memory of one window.

With windows ``w``, tokens ``F_w``, arm ``D`` and loss ``L`` on the reassembled scores ``Z`` (arXiv 2602.23962):
pass 1 computes ``Z`` without a graph, then ``G = dL/dZ``; pass 2 recomputes ``z_w = D(F_w)`` with a graph and calls
``z_w.backward(disassemble(G)_w)``. By the chain rule the sum over windows is the gradient of the full graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from neosegdino.training.random_state import capture, restore
from neosegdino.windows import WindowGrid, disassemble, reassemble

Decode = Callable[[int], Tensor]
"""Scores ``(C, x, y, z)`` of the window at a position; must be repeatable from the same random state."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""Loss of scores ``(1, C, X, Y, Z)`` against a target ``(1, 1, X, Y, Z)``."""


def two_pass_step(
    decode: Decode, grid: WindowGrid, target: Tensor, loss: Loss, outside: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Accumulate the gradient of one volume's loss into the parameters that `decode` uses.

    Parameters
    ----------
    decode : callable
        Scores of one window by its position. Dropout is allowed: its random state is restored for the second pass.
    grid : WindowGrid
        Where the windows lie.
    target : Tensor
        ``(X, Y, Z)`` class per voxel of the whole volume.
    loss : callable
        Loss on the reassembled volume.
    outside : sequence of float
        Scores per class where no window lies.

    Returns
    -------
    loss : Tensor
        Scalar, detached.
    scores : Tensor
        ``(C, X, Y, Z)`` reassembled scores, detached.
    """
    scores, states = _first_pass(decode, grid, target, outside)
    value, gradient = _loss_gradient(loss, scores, target)
    after = capture(target.device)
    for position, (part, state) in enumerate(zip(disassemble(gradient, grid), states, strict=True)):
        restore(state, target.device)
        decode(position).backward(part)
    restore(after, target.device)
    return value, scores


def full_graph_step(
    decode: Decode, grid: WindowGrid, target: Tensor, loss: Loss, outside: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The same step by one graph over all windows: the reference that two passes must equal, and its memory bill.

    Parameters and returns as in `two_pass_step`.
    """
    windows = torch.stack([decode(position) for position in range(len(grid))])
    scores = reassemble(windows, grid, target.shape, windows.new_tensor(outside))
    value = loss(scores[None], target[None, None])
    value.backward()
    return value.detach(), scores.detach()


@torch.no_grad()
def _first_pass(
    decode: Decode, grid: WindowGrid, target: Tensor, outside: Sequence[float]
) -> tuple[Tensor, list[list[Tensor]]]:
    states, windows = [], []
    for position in range(len(grid)):
        states.append(capture(target.device))
        windows.append(decode(position))
    stack = torch.stack(windows)
    return reassemble(stack, grid, target.shape, stack.new_tensor(outside)), states


def _loss_gradient(loss: Loss, scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    leaf = scores.detach().requires_grad_()
    value = loss(leaf[None], target[None, None])
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient
