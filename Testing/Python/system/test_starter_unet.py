"""The rival of the starter's arm: its windows, and the way from training to a measured file in little."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec
import pytest
import torch
from benchmarks import starter_unet
from fake_heads import fake_maps
from neosegdino.synthesis.deformation import View
from neosegdino.training import starter
from torch import Tensor, nn


class Copies(nn.Module):
    """Gives its image back as every class's score, and keeps what it was shown."""

    def forward(self, image: Tensor) -> Tensor:
        self.shown = image
        return image.expand(-1, starter.CLASSES, -1, -1, -1)


def test_windows_are_padded_for_the_network_and_scores_stand_on_their_voxels() -> None:
    network, image = Copies(), torch.rand(2, 1, 32, 20, 24) + 0.1
    found = starter_unet.scores(network, image)
    assert torch.equal(found, image.expand(-1, 3, -1, -1, -1))
    assert network.shown.shape == (2, 1, 32, 32, 32)
    assert torch.equal(network.shown[:, :, :32, :20, :24], image)
    assert network.shown.sum() == pytest.approx(float(image.sum()), rel=1e-5), "the rest is air"


def test_the_network_has_the_size_that_is_told() -> None:
    network = starter_unet.unet()
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(11.1e6, abs=0.05e6)
    assert not any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in network.modules())


def test_trained_and_measured_in_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = View((16, 16, 16), 3.0, (2.0, 2.0, 2.0))
    recipe = msgspec.structs.replace(starter.RECIPE, training_heads=(0,), measuring_heads=(1,))
    changes = {"RECIPE": recipe, "NEAR": view, "DECODER_VIEWS": (view, view)}
    for name, value in changes.items():
        monkeypatch.setattr(starter, name, value)
    monkeypatch.setattr(starter_unet, "CHANNELS", (4, 8))
    fake_maps(tmp_path).save(tmp_path / "maps.npz")
    given = {"maps": tmp_path / "maps.npz", "out": tmp_path / "unet", "device": "cpu", "seed": 1, "seconds": 0.5}
    arguments = argparse.Namespace(
        **given, start=None, limit_s=1e9, compiled=False, count=2, adult=None, json=tmp_path / "figures.json"
    )
    starter_unet.train(arguments)
    starter_unet.measure(arguments)
    figures = json.loads(arguments.json.read_text())
    assert figures["images"] == 2
    assert all(0 <= value <= 1 for value in figures["Dice, mean of left and right"])
    saved = starter.load_weights(tmp_path / "unet" / "unet.safetensors")
    assert figures["parameters"] == sum(tensor.numel() for tensor in saved.values())
    begun: list[torch.Tensor] = []

    def watched(network: torch.nn.Module, *rest: object) -> None:
        begun.extend(tensor.detach().clone() for _, tensor in sorted(network.state_dict().items()))

    monkeypatch.setattr(starter_unet, "optimise", watched)
    arguments.start = tmp_path / "unet" / "unet.safetensors"
    starter_unet.train(arguments)
    expected = [tensor for _, tensor in sorted(saved.items())]
    assert all(torch.equal(one, other) for one, other in zip(begun, expected, strict=True)), "it goes on from there"


def test_an_arm_begins_with_the_fine_levels_of_the_network() -> None:
    """What is taken gives what it gave there: from the image down to 1/8, and up again from 1/8 to 1/2."""
    network = starter_unet.unet().eval()
    head = starter.window_model(starter.create_backbone(starter.ENCODER)).arms.arms[0].head.eval()
    starter_unet.graft(network, head)
    image, deep = torch.rand(1, 1, 32, 32, 48), torch.rand(1, 128, 4, 4, 6)
    down_half, fine, _ = network.model
    down_quarter, middle, rise_half = fine.submodule
    down_eighth, _, rise_quarter = middle.submodule
    with torch.no_grad():
        half = down_half(image)
        quarter = down_quarter(half)
        eighth = down_eighth(quarter)
        risen = rise_quarter(torch.cat([eighth, deep], dim=1))
        end = rise_half(torch.cat([quarter, risen], dim=1))
        own_half = head.down_half(image)
        own_quarter = head.down_quarter(own_half)
        own_eighth = head.down_eighth(own_quarter)
        own_risen = head.rise_quarter(own_eighth, deep, (8, 8, 12))
        own_end = head.rise_half(own_quarter, own_risen, (16, 16, 24))
    for own, wanted in ((own_eighth, eighth), (own_end, end)):
        torch.testing.assert_close(own, wanted, atol=1e-4, rtol=1e-4)
