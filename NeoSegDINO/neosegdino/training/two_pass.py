"""Two-pass training: the exact gradient of a loss on the whole volume with the memory of one window.

With windows ``w``, tokens ``F_w``, arm ``D`` and loss ``L`` on the reassembled scores ``Z`` (arXiv 2602.23962):
pass 1 computes ``Z`` without a graph, then ``G = dL/dZ``; pass 2 recomputes ``z_w = D(F_w)`` with a graph and calls
``z_w.backward(disassemble(G)_w)``. By the chain rule the sum over windows is the gradient of the full graph.

The last window of pass 1 keeps its graph, as no other is there yet: it needs no second forward, and a single window
costs no more than a full graph. Several ranks share the windows; each decodes only its own.

As pass 1 holds no graph, a few windows can be decoded together within the memory that one window's graph takes in
pass 2 anyway; that saves calls. Batched sums may be rounded otherwise than those of one window, so that ``G`` is taken
at scores which equal pass 2's to within the rounding of their type: no more than what another order of the sums does.

Backward passes run on the thread that calls them. For a GPU torch has a thread of its own, and handing over to it and
back, once per window, is time in which nothing is launched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from neosegdino.training.random_state import capture, restore
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.windows import WindowGrid, disassemble, reassemble

Decode = Callable[[Sequence[int]], Tensor]
"""Scores ``(k, C, x, y, z)`` of the windows at ``k`` positions; must be repeatable from the same random state."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""Loss of scores ``(1, C, X, Y, Z)`` against a target ``(1, 1, X, Y, Z)``."""


def two_pass_step(
    decode: Decode,
    grid: WindowGrid,
    target: Tensor,
    loss: Loss,
    outside: Sequence[float],
    ranks: Ranks = ALONE,
    together: int = 1,
) -> tuple[Tensor, Tensor]:
    """Accumulate the gradient of one volume's loss into the parameters that `decode` uses.

    With several ranks each accumulates the gradients of its own windows; `Ranks.sum_gradients`, once before the
    optimiser's step, makes them those of one process.

    Parameters
    ----------
    decode : callable
        Scores of windows by their positions. Dropout is allowed where windows are decoded one by one: its random state
        is restored for the second pass. For masks that do not depend on the number of ranks, seed by position.
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
    together : int
        Windows of a rank that pass 1 decodes at once (`DecodingArms.together`); the last one is decoded alone.

    Returns
    -------
    loss : Tensor
        Scalar, detached; the same on all ranks.
    scores : Tensor
        ``(C, X, Y, Z)`` reassembled scores, detached; the same on all ranks.
    """
    own = ranks.mine(len(grid))
    first = groups(own[:-1], together)
    scores, states, last = _first_pass(decode, grid, target, outside, ranks, first)
    value, gradient = _loss_gradient(loss, scores, target, ranks)
    parts = disassemble(gradient, grid)
    after = capture(target.device)
    # From the last window to the first: the order in which the full graph adds up their gradients.
    with torch.autograd.set_multithreading_enabled(False):
        if last is not None:
            last.backward(parts[own[-1]][None])
        for group, state in reversed(list(zip(first, states, strict=True))):
            restore(state, target.device)
            for position in reversed(group):
                decode([position]).backward(parts[position][None])
    restore(after, target.device)
    return value, scores


def full_graph_step(
    decode: Decode, grid: WindowGrid, target: Tensor, loss: Loss, outside: Sequence[float], together: int = 1
) -> tuple[Tensor, Tensor]:
    """The same step by one graph over all windows: the reference that two passes must equal, and its memory bill.

    Parameters and returns as in `two_pass_step`; `together` counts for all windows.
    """
    windows = torch.cat([decode(group) for group in groups(range(len(grid)), together)])
    scores = reassemble(windows, grid, target.shape, windows.new_tensor(outside))
    value = loss(scores[None], target[None, None])
    with torch.autograd.set_multithreading_enabled(False):
        value.backward()
    return value.detach(), scores.detach()


def groups(positions: range, together: int) -> list[range]:
    """Split positions into groups of so many; the last one may be smaller."""
    return [positions[start : start + together] for start in range(0, len(positions), together)]


def _first_pass(
    decode: Decode,
    grid: WindowGrid,
    target: Tensor,
    outside: Sequence[float],
    ranks: Ranks,
    first: Sequence[range],
) -> tuple[Tensor, list[list[Tensor]], Tensor | None]:
    """Scores of the volume, the random states before the first groups, and the last own window with its graph."""
    states: list[list[Tensor]] = []
    windows: list[Tensor] = []
    last = None
    for group in first:
        states.append(capture(target.device))
        with torch.inference_mode():
            windows.extend(decode(group))
    if own := ranks.mine(len(grid)):
        last = decode(own[-1:])
        windows.extend(last.detach())
    stack = ranks.gather(windows, len(grid))
    return reassemble(stack, grid, target.shape, stack.new_tensor(outside)), states, last


def _loss_gradient(loss: Loss, scores: Tensor, target: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor]:
    """Loss and its gradient, computed once, so that no two ranks differ in a rounding."""
    kind = torch.promote_types(scores.dtype, torch.float32)
    if not ranks.first:
        return ranks.share(scores.new_empty((), dtype=kind)), ranks.share(torch.empty_like(scores))
    leaf = scores.detach().requires_grad_()
    value = loss(leaf[None], target[None, None])
    with torch.autograd.set_multithreading_enabled(False):
        (gradient,) = torch.autograd.grad(value, leaf)
    return ranks.share(value.detach().to(kind)), ranks.share(gradient)
