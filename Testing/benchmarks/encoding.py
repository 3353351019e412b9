"""Encoding speed of the frozen ViT: slices per second, and the share of the device's own matrix rate.

    python Testing/benchmarks/encoding.py [--device cuda] [--json FILE]

A window of the shipped bundle, on a CPU a part of it, goes through its encoder and through ViT-B
(vit_base_patch16_dinov3, random weights) in the way that segmenting does it: chunks of slices, on a GPU in bfloat16.
Plain eager float32 over the whole window at once is the baseline. On a GPU ViT-B is measured compiled as well
(`torch.compile`, weights and window in bfloat16; compiling is not in the time), with its difference from float32. The
matrix rate is that of one large product in the type that the device is used with. The bar is for a GPU.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import figures
from figures import Figure

if TYPE_CHECKING:
    import torch
    from neosegdino.encoder import SliceEncoder

REPEATS = {"cpu": 2, "cuda": 20}
SLICES = {"cpu": 8, "cuda": 64}
"""Depth of the window at most: ViT-B takes half a second a slice on two cores."""
MATRIX = {"cpu": 2048, "cuda": 8192}
BASE = "vit_base_patch16_dinov3"
COMPILED = "bfloat16 compiled"
SHARE = 60


def rounds(work: Callable[[], object], device: torch.device) -> list[float]:
    """Seconds of each call after one that is not counted."""
    import torch

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    taken = []
    for _ in range(1 + REPEATS[device.type]):
        wait()
        began = time.perf_counter()
        work()
        wait()
        taken.append(time.perf_counter() - began)
    return taken[1:]


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Measured TFLOP/s of one large matrix product."""
    import torch

    size = MATRIX[device.type]
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2e-12 * size**3 / min(rounds(lambda: left @ right, device))


def work_per_slice(encoder: SliceEncoder) -> float:
    """TFLOP that one slice takes; counted on the CPU with attention in its parts, which the counter knows."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    window = torch.rand(1, 1, *encoder.window)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        encoder.encode_slices(encoder.slices(window)[:1])
    return counter.get_total_flops() / 1e12


def speeds(name: str, encoder: SliceEncoder, device: torch.device, rate: float) -> list[Figure]:
    """Figures of one encoder."""
    import torch
    from neosegdino.inference import CHUNK

    work = work_per_slice(encoder)
    encoder.backbone.to(device)
    window = torch.rand(1, 1, *encoder.window, device=device)

    def as_used() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            encoder(window, CHUNK[device.type])

    ways: dict[str, Callable[[], object]] = {"as used": as_used}
    rows = []
    judged = name == BASE and device.type == "cuda"
    if judged:
        ways[COMPILED] = fast = compiled(encoder, window)
        change = difference(fast(), encoder(window))
        rows.append(figures.plain(f"{name}, {COMPILED}: tokens' difference from float32", [change], "%"))
    taken = {way: rounds(run, device) for way, run in ways.items()}
    taken["eager float32"] = rounds(lambda: encoder(window, encoder.depth), device)
    rows += [
        figures.plain(f"{name}, {way}", [encoder.depth / seconds for seconds in times], "slices/s")
        for way, times in taken.items()
    ]
    for way in ways:
        shares = [100 * encoder.depth * work / seconds / rate for seconds in taken[way]]
        label = f"{name}, {way}: share of the matrix rate"
        rows.append(figures.at_least(label, shares, "%", SHARE) if judged else figures.plain(label, shares, "%"))
    return rows


def compiled(encoder: SliceEncoder, window: torch.Tensor) -> Callable[[], list[torch.Tensor]]:
    """Return the encoder of a window with bfloat16 weights, compiled at its first call."""
    import torch
    from neosegdino.encoder import SliceEncoder
    from neosegdino.inference import CHUNK

    half = SliceEncoder(encoder.spec, copy.deepcopy(encoder.backbone).bfloat16(), encoder.window, encoder.upsampling)
    half.encode_slices = torch.compile(half.encode_slices)  # type: ignore[method-assign]
    pixels = window.bfloat16()
    return lambda: half(pixels, CHUNK[window.device.type])


def difference(found: list[torch.Tensor], exact: list[torch.Tensor]) -> float:
    """Root mean square of what is added to the tokens, in percent of their own."""
    errors = sum(float((a.float() - b).square().sum()) for a, b in zip(found, exact, strict=True))
    return 100 * float((errors / sum(float(b.square().sum()) for b in exact)) ** 0.5)


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    benchmark.parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = benchmark.parser.parse_args()
    import msgspec
    import torch
    from neosegdino.backbone import create_backbone
    from neosegdino.bundle_store import find_bundle
    from neosegdino.encoder import SliceEncoder, slice_axis

    torch.set_num_threads(figures.CORES)
    device = torch.device(arguments.device)
    spec = find_bundle(None).spec
    axis = slice_axis(spec.encoder)
    x, y, z = (min(n, SLICES[device.type]) if at == axis else n for at, n in enumerate(spec.windows.size))
    window = (x, y, z)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    rate = matrix_rate(device, dtype)
    kind = str(dtype).removeprefix("torch.")
    rows = [figures.plain(f"matrix rate, {kind}", [rate], "TFLOP/s")]
    for name in (spec.encoder.architecture, BASE):
        encoder_spec = msgspec.structs.replace(spec.encoder, architecture=name)
        encoder = SliceEncoder(encoder_spec, create_backbone(encoder_spec), window)
        rows += speeds(name, encoder, device, rate)
    size = "x".join(map(str, window))
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    benchmark.finish(
        f"one window of {size} voxels, upsampled {spec.encoder.upsampling} times", rows, arguments.json, card
    )


if __name__ == "__main__":
    main()
