"""A plain 3D U-Net from scratch on the starter's synthetic images: the rival of the frozen encoder and its arm.

    python Testing/benchmarks/starter_unet.py train starter/maps.npz --out starter/unet --seconds T
    python Testing/benchmarks/starter_unet.py measure starter/maps.npz --out starter/unet --json FILE
    python Testing/benchmarks/starter_unet.py graft starter/maps.npz --out starter/unet

monai's residual U-Net with instance normalisation sees the same windows as the starter's decoder: the same generator,
mixture of views, images per step, loss, optimiser and kind of schedule. `--seconds` is its time on the GPU: the sum of
the encoder's and the decoder's. `measure` takes the images that `starter_cli measure` takes; with `--adult` it takes
the real adult T1 of `accuracy.py` as well, in the window that the bundle's locator finds there.

`graft` leaves OUT/graft.safetensors: weights for the starter's arm to begin with, the U-Net's down to 1/8 resolution
and from there up again, random ones below. What the U-Net has seen of the coarse is then the encoder's to tell.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch
from neosegdino.backbone import create_backbone
from neosegdino.bundle_store import find_bundle
from neosegdino.loading import Models, load_models
from neosegdino.segment import segment
from neosegdino.synthesis.label_maps import load_packed
from neosegdino.training import starter
from neosegdino.training.losses import dice_and_cross_entropy
from neosegdino.training.measure_synthetic import measure_views
from neosegdino.training.optimise import TimedSchedule, optimise
from neosegdino.training.supply import Shown, Supply
from torch import Tensor, nn

CHANNELS = (32, 64, 128, 256, 256)
RATE = 1e-3


def unet() -> nn.Module:
    """U-Net of 11.1 million parameters for windows of one channel."""
    from monai.networks.nets import UNet

    strides = (2,) * (len(CHANNELS) - 1)
    return UNet(3, 1, starter.CLASSES, CHANNELS, strides, num_res_units=2, norm="INSTANCE")


def scores(network: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """Scores of windows, in bfloat16 on a GPU; windows are padded with air to a multiple of the strides."""
    side = 2 ** (len(CHANNELS) - 1)
    pad = [amount for n in reversed(image.shape[2:]) for amount in (0, -n % side)]
    with torch.autocast(image.device.type, torch.bfloat16, enabled=image.is_cuda):
        found: Tensor = network(nn.functional.pad(image, pad))
    x, y, z = image.shape[2:]
    return found[:, :, :x, :y, :z].float()


def train(arguments: argparse.Namespace) -> None:
    torch.manual_seed(arguments.seed)
    torch.set_float32_matmul_precision("high")
    generator = starter.make_generator(load_packed(arguments.maps), False, arguments.seed, arguments.device)
    network = unet().to(arguments.device).train()
    if arguments.start:
        network.load_state_dict(starter.load_weights(arguments.start))
    forward = torch.compile(network, dynamic=False) if arguments.compiled else network
    loss_of = dice_and_cross_entropy()
    supply = Supply(generator, [Shown(view, starter.RECIPE.arm.images) for view in starter.DECODER_VIEWS])

    def loss(step: int) -> Tensor:
        batch = supply(step)
        return loss_of(scores(forward, batch.image), batch.target[:, None])

    schedule = TimedSchedule(1, RATE, warmup=50, weight_decay=0.01, seconds=arguments.seconds)
    arguments.out.mkdir(parents=True, exist_ok=True)
    optimise(network, loss, schedule, arguments.out / "unet.checkpoint", print, arguments.limit_s)
    starter.save_weights(network.state_dict(), arguments.out / "unet.safetensors")


class InPlaceOfArm(nn.Module):
    """The U-Net in the place of a bundle's encoder and arm, on windows of the same place and size."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.classes, self.encoder = network, starter.CLASSES, self

    def chunks(self, _windows: Tensor, _chunk: int) -> int:
        """Steps of the progress."""
        return 1

    def forward(self, _window: Tensor, _chunk: int, on_chunk: Callable[[], None]) -> list[Tensor]:
        """No tokens."""
        on_chunk()
        return []

    def arms(self, _position: int, _tokens: list[Tensor], window: Tensor) -> Tensor:
        """Scores of a window."""
        return scores(self.network, window)


def adult_dice(network: nn.Module, path: Path, device: str) -> tuple[float, float]:
    """Dice on the real adult T1 at newborn size, by the whole road of the shipped bundle but for its arm."""
    from accuracy import adult_at_newborn_size, dice

    def models(bundle: object, place: torch.device) -> Models:
        return Models(InPlaceOfArm(network), load_models(bundle, place).locator)  # type: ignore[arg-type]

    volume, truth = adult_at_newborn_size(path)
    with patch("neosegdino.segment.load_models", models):
        return dice(segment(volume, find_bundle(None), device=device).labels, truth)


GRAFTED = {
    "down_half": "model.0",
    "down_quarter": "model.1.submodule.0",
    "down_eighth": "model.1.submodule.1.submodule.0",
    "rise_quarter": "model.1.submodule.1.submodule.2",
    "rise_half": "model.1.submodule.2",
}
"""Parts of the arm that begin as parts of monai's U-Net."""
INSIDE = {
    "body.0.weight": "conv.unit0.conv.weight",
    "body.2.weight": "conv.unit0.adn.A.weight",
    "body.4.weight": "conv.unit1.conv.weight",
    "body.6.weight": "conv.unit1.adn.A.weight",
    "shortcut.weight": "residual.weight",
    "shortcut.bias": "residual.bias",
    "twice.0.weight": "0.conv.weight",
    "twice.2.weight": "0.adn.A.weight",
    "refine.0.weight": "1.conv.unit0.conv.weight",
    "refine.2.weight": "1.conv.unit0.adn.A.weight",
}
"""Weights of a part. A bias ahead of a normalisation does nothing; the arm has none there."""


def graft(network: nn.Module, head: nn.Module) -> None:
    """Put the fine levels of the U-Net into the starter's arm."""
    given, own = network.state_dict(), head.state_dict()
    for part, source in GRAFTED.items():
        for name, other in INSIDE.items():
            if f"{part}.{name}" in own:
                own[f"{part}.{name}"].copy_(given[f"{source}.{other}"])


def trained_unet(arguments: argparse.Namespace) -> nn.Module:
    """The U-Net that `train` has left."""
    network = unet().to(arguments.device)
    network.load_state_dict(starter.load_weights(arguments.out / "unet.safetensors"))
    return network.eval()


def write_graft(arguments: argparse.Namespace) -> None:
    torch.manual_seed(arguments.seed)
    arms = starter.window_model(create_backbone(starter.ENCODER)).arms
    graft(trained_unet(arguments), arms.arms[0].head)  # type: ignore[arg-type]
    starter.save_weights(arms.state_dict(), arguments.out / "graft.safetensors")


def measure(arguments: argparse.Namespace) -> None:
    network = trained_unet(arguments)
    generator = starter.measuring_generator(load_packed(arguments.maps), arguments.device)
    found = measure_views(lambda image: scores(network, image), generator, starter.NEAR, arguments.count)
    dice, distance = found.column("dice"), found.column("hd95_mm")
    figures = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "images": len(dice),
        "Dice, mean of left and right": dice.mean(axis=0).tolist(),
        "Dice, sd of left and right": dice.std(axis=0, ddof=1).tolist(),
        "HD95, mm, median of left and right": [float(v) for v in torch.nanmedian(torch.tensor(distance), dim=0).values],
        "HD95, mm, mean of left and right": torch.nanmean(torch.tensor(distance), dim=0).tolist(),
    }
    if arguments.adult:
        figures["adult T1 at newborn size, Dice of left and right"] = adult_dice(
            network, arguments.adult, arguments.device
        )
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


WORKS = {"train": train, "measure": measure, "graft": write_graft}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=list(WORKS))
    parser.add_argument("maps", type=Path, help="label maps packed by starter_cli")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--start", type=Path, help="weights of an earlier training to begin with")
    parser.add_argument("--compiled", action="store_true", help="as the starter's arms may be")
    parser.add_argument("--limit-s", type=float, default=1e9)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--adult", type=Path, help="VoxelMorph's test scan")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    WORKS[arguments.work](arguments)


if __name__ == "__main__":
    main()
