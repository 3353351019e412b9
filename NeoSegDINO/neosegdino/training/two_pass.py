"""Two-pass training: the exact gradient of a loss on the whole volume with the memory of one window.

With windows ``w``, tokens ``F_w``, arm ``D`` and loss ``L`` on the reassembled scores ``Z`` (arXiv 2602.23962):
pass 1 computes ``Z`` without a graph, then ``G = dL/dZ``; pass 2 recomputes ``z_w = D(F_w)`` with a graph and calls
``z_w.backward(disassemble(G)_w)``. By the chain rule the sum over windows is the gradient of the full graph.

The last window of pass 1 keeps its graph, as no other is there yet: it needs no second forward, and a single window
costs no more than a full graph. Several ranks share the windows; each decodes only its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from neosegdino.training.random_state import capture, restore
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.windows import WindowGrid, disassemble, reassemble

Decode = Callable[[int], Tensor]
"""Scores ``(C, x, y, z)`` of the window at a position; must be repeatable from the same random state."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""Loss of scores ``(1, C, X, Y, Z)`` against a target ``(1, 1, X, Y, Z)``."""


def two_pass_step(
    decode: Decode, grid: WindowGrid, target: Tensor, loss: Loss, outside: Sequence[float], ranks: Ranks = ALONE
) -> tuple[Tensor, Tensor]:
    """Accumulate the gradient of one volume's loss into the parameters that `decode` uses.

    With several ranks each accumulates the gradients of its own windows; `Ranks.sum_gradients`, once before the
    optimiser's step, makes them those of one process.

    Parameters
    ----------
    decode : callable
        Scores of one window by its position. Dropout is allowed: its random state is restored for the second pass.
        For masks that do not depend on the number of ranks, seed by position.
    grid : WindowGrid
        Where the windows lie.
    target : Tensor
        ``(X, Y, Z)`` class per voxel of the whole volume.
    loss : callable
        Loss on the reassembled volume, computed by the first rank.
    outside : sequence of float
        Scores per class where no window lies.
    ranks : Ranks
        The processes that share the windows.

    Returns
    -------
    loss : Tensor
        Scalar, detached; the same on all ranks.
    scores : Tensor
        ``(C, X, Y, Z)`` reassembled scores, detached; the same on all ranks.
    """
    scores, states, last = _first_pass(decode, grid, target, outside, ranks)
    value, gradient = _loss_gradient(loss, scores, target, ranks)
    parts = disassemble(gradient, grid)
    after = capture(target.device)
    own = ranks.mine(len(grid))
    # From the last window to the first: the order in which the full graph adds up their gradients.
    if last is not None:
        last.backward(parts[own[-1]])
    for position, state in reversed(list(zip(own[:-1], states, strict=True))):
        restore(state, target.device)
        decode(position).backward(parts[position])
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


def _first_pass(
    decode: Decode, grid: WindowGrid, target: Tensor, outside: Sequence[float], ranks: Ranks
) -> tuple[Tensor, list[list[Tensor]], Tensor | None]:
    """Scores of the volume, the random states before all own windows but the last, and the last with its graph."""
    states, windows, last = [], [], None
    own = ranks.mine(len(grid))
    for position in own[:-1]:
        states.append(capture(target.device))
        with torch.no_grad():
            windows.append(decode(position))
    if own:
        last = decode(own[-1])
        windows.append(last.detach())
    stack = ranks.gather(windows, len(grid))
    return reassemble(stack, grid, target.shape, stack.new_tensor(outside)), states, last


def _loss_gradient(loss: Loss, scores: Tensor, target: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor]:
    """Loss and its gradient, computed once, so that no two ranks differ in a rounding."""
    kind = torch.promote_types(scores.dtype, torch.float32)
    if not ranks.first:
        return ranks.share(scores.new_empty((), dtype=kind)), ranks.share(torch.empty_like(scores))
    leaf = scores.detach().requires_grad_()
    value = loss(leaf[None], target[None, None])
    (gradient,) = torch.autograd.grad(value, leaf)
    return ranks.share(value.detach().to(kind)), ranks.share(gradient)
