"""Segmenting the sample, imports left out, against one pass of an nnU-Net-sized 3D U-Net over the same volume.

    python Testing/benchmarks/unet.py [--json FILE]

The U-Net is monai's DynUNet in the shape that nnU-Net plans for such images (random weights: time does not depend on
them), in 128-cubed patches with half overlap. Both are warm, take turns, and run on the CPU in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import figures
from figures import SAMPLE

ROUNDS = 2
PATCH = (128, 128, 128)
FILTERS = (32, 64, 128, 256, 320, 320)
CLASSES = 3


def seconds(work: Callable[[], object]) -> float:
    """Time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    arguments = benchmark.parser.parse_args()
    import torch
    from monai.inferers import SlidingWindowInferer
    from monai.networks.nets import DynUNet
    from neosegdino.bundle_store import find_bundle
    from neosegdino.segment import segment
    from neosegdino.volume import load_volume

    torch.set_num_threads(figures.CORES)
    volume, bundle = load_volume(SAMPLE), find_bundle(None)
    strides = [1] + [2] * (len(FILTERS) - 1)
    net = DynUNet(3, 1, CLASSES, [3] * len(FILTERS), strides, strides[1:], filters=FILTERS).eval()
    millions = sum(parameter.numel() for parameter in net.parameters()) / 1e6
    image = torch.from_numpy(volume.data).float()[None, None]
    inferer = SlidingWindowInferer(PATCH, sw_batch_size=1, overlap=0.5)
    with torch.inference_mode():
        segment(volume, bundle, device="cpu")
        net(torch.zeros(1, 1, *PATCH))
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(seconds(lambda: segment(volume, bundle, device="cpu")))
            theirs.append(seconds(lambda: inferer(image, net)))
    rows = [
        figures.plain("segment, models loaded", ours, "s"),
        figures.plain(f"one pass of DynUNet, {millions:.1f} M parameters", theirs, "s"),
        figures.at_least(
            "times faster", [other / own for own, other in zip(ours, theirs, strict=True)], "times", limit=5
        ),
    ]
    benchmark.finish(f"{figures.sample_words()}; {ROUNDS} rounds", rows, arguments.json)


if __name__ == "__main__":
    main()
