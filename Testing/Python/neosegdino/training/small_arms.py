"""Small arms above fixed tokens, for tests of the two-pass step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from neosegdino.decoder import DecodingArms, HeadShape
from neosegdino.spec import DecoderSpec
from neosegdino.training.two_pass import Decode
from neosegdino.windows import WindowGrid, disassemble
from torch import Tensor

WINDOW = (8, 8, 8)
OUTSIDE = (0.0, -10.0, -10.0)
Step = Callable[..., tuple[Tensor, Tensor]]


@dataclass
class Setting:
    """Arms above fixed tokens, and what a step needs."""

    arms: DecodingArms
    inputs: list[Tensor]
    decode: Decode
    grid: WindowGrid
    target: Tensor

    def gradients(
        self, step: Step, loss: Callable[[Tensor, Tensor], Tensor], **options: Any
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Loss, scores and gradients of a step from one random state."""
        self.arms.zero_grad(set_to_none=True)
        torch.manual_seed(3)
        value, scores = step(self.decode, self.grid, self.target, loss, OUTSIDE, **options)
        return value, scores, {name: p.grad for name, p in self.arms.named_parameters()}


def setting(
    mode: Any,
    shape: tuple[int, int, int],
    grid: WindowGrid,
    dtype: torch.dtype,
    head: str = "stem",
    depth: Any = "sinusoidal",
    dropout: float = 0.3,
) -> Setting:
    torch.manual_seed(0)
    options = {
        "linear": {},
        "dpt": {"channels": 16},
        "stem": {"channels": [4, 8, 8]},
        "unet": {"channels": [4, 8, 8, 8]},
    }[head]
    options = options if head == "linear" else {**options, "dropout": dropout}
    spec = DecoderSpec(head, "decoder.safetensors", depth_embedding=depth, arms=mode, options=options)
    arms = DecodingArms(spec, HeadShape(12, 2, WINDOW, (2, 8, 2), 3), 1, len(grid)).train().to(dtype)
    tokens = [torch.randn(len(grid), 12, 2, 8, 2, dtype=dtype) for _ in range(2)]
    images = disassemble(torch.rand(1, *shape, dtype=dtype), grid)

    def decode(positions: Sequence[int]) -> Tensor:
        own = list(positions)
        scores: Tensor = arms(own[0], [t[own] for t in tokens], images[own])
        return scores

    return Setting(arms, [*tokens, images], decode, grid, torch.randint(0, 3, shape))
