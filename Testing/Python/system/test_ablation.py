"""The ablation table in little: every row and every encoder, and what is made of their records."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
import torch
from fake_heads import fake_maps
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.label_maps import load_packed
from neosegdino.training import distiller, starter
from neosegdino.training.fit_arm import fit_arm
from neosegdino.training.optimise import Schedule
from small_networks import SMALL
from torch import nn

SIZE = (16, 16, 16)
SINGLE = (
    *("no-encoder", "head-stem", "head-dpt", "head-linear", "depth-learned", "depth-none"),
    *("axis-sagittal", "axis-axial", "upsampling-2"),
)
SEVERAL = ("windows-2-shared", "windows-2-each", "windows-8-shared", "windows-8-each")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """The networks are so small that sharing their work costs more than it saves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    fake_maps(folder, 2).save(folder / "maps.npz")
    return folder / "maps.npz"


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a small recipe of the starter."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    monkeypatch.setattr(distiller, "PROTOTYPES", 16)
    near = View(SIZE, 3.0, (2.0, 2.0, 2.0))
    short = msgspec.structs.replace(starter.RECIPE.arm, steps=4, seconds=None, warmup=2, images=2, runs=1)
    changes = {
        "RECIPE": msgspec.structs.replace(
            starter.RECIPE,
            training_heads=(0,),
            measuring_heads=(1,),
            encoder=msgspec.structs.replace(short, slices=3),
            arm=short,
        ),
        "ENCODER": msgspec.structs.replace(starter.ENCODER, blocks=(0, 1), options=SMALL),
        "WINDOWS": msgspec.structs.replace(starter.WINDOWS, size=SIZE),
        "LOCATOR": msgspec.structs.replace(starter.LOCATOR, size=SIZE),
        "DECODER": msgspec.structs.replace(starter.DECODER, options={"channels": [4, 8, 8, 8]}),
        "NEAR": near,
        "ANYWHERE": near,
        "HEAD": View(SIZE, 6.0, (2.0, 2.0, 2.0), supersampling=2, turned=0.3, cropped=0.3),
        "DECODER_VIEWS": (near, near),
    }
    for name, value in changes.items():
        monkeypatch.setattr(starter, name, value)
    import ablation  # type: ignore[import-not-found]

    return ablation  # type: ignore[no-any-return]


@pytest.fixture
def encoder(ablation: ModuleType, tmp_path: Path) -> Path:
    """Random weights."""
    torch.manual_seed(0)
    starter.save_weights(starter.create_backbone(starter.ENCODER).state_dict(), tmp_path / "e.safetensors")
    return tmp_path / "e.safetensors"


@pytest.fixture
def call(ablation: ModuleType, maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run the script's command, return the folder of its records."""

    def work(*arguments: str) -> Path:
        command, *rest = arguments
        given = [str(tmp_path / "out"), *rest] if command == "table" else [*rest, "--out", str(tmp_path / "out")]
        device = [] if command == "table" else ["--device", "cpu"]
        monkeypatch.setattr(sys, "argv", ["ablation.py", command, *given, *device])
        ablation.main()
        return tmp_path / "out"

    return work


BUDGET = ("--steps", "2", "--images", "2", "--count", "2")


def test_every_row_is_trained_measured_and_told(
    call: Callable[..., Path], maps: Path, encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["baseline", *SINGLE, *SEVERAL]
    out = call("all", str(maps), "--encoder", str(encoder), *BUDGET)
    found = {name: json.loads((out / f"{name}.json").read_text()) for name in names}
    for record in found.values():
        assert (record["steps"], record["images"], record["count"]) == (2, 2, 2)
        assert all(0 <= value <= 1 for value in record["dice_mean"])
        assert record["seconds"] > 0
    one, each = found["windows-2-shared"]["parameters"], found["windows-2-each"]["parameters"]
    assert each == 2 * one == 2 * found["baseline"]["parameters"] == 2 * found["no-encoder"]["parameters"]
    assert not (out / "encoder-both.json").exists(), "its encoder is not there"

    capsys.readouterr()
    call("table", "--markdown", str(out / "ablation.md"))
    lines = capsys.readouterr().out.splitlines()
    assert {line.split("|")[1].strip() for line in lines if line.startswith("| ")} == {"row", *names}
    assert (out / "ablation.md").read_text().splitlines()[: len(names) + 2] == lines[: len(names) + 2]
    record = json.loads((out / "ablation.json").read_text())
    assert record["busy"] == any(entry["busy"] for entry in found.values())
    assert len(record["figures"]) == len(names)
    assert record["rows"]["baseline"] == found["baseline"]


def test_a_row_that_is_there_is_not_trained_again(call: Callable[..., Path], maps: Path, encoder: Path) -> None:
    given = ("all", str(maps), "--encoder", str(encoder), *BUDGET, "--rows", "head-linear")
    path = call(*given) / "head-linear.json"
    path.write_text("{}")
    call(*given)
    assert path.read_text() == "{}"


@pytest.mark.parametrize("kind", ["supervised", "distilled", "both"])
def test_an_encoder_of_every_kind_serves_its_row(kind: str, call: Callable[..., Path], maps: Path) -> None:
    out = call("encoder", kind, str(maps), "--seconds", "0.3")
    told = json.loads((out / kind / "encoder.json").read_text())
    assert told["steps"] >= 4
    call("row", f"encoder-{kind}", str(maps), *BUDGET)
    assert json.loads((out / f"encoder-{kind}.json").read_text())["row"] == f"encoder-{kind}"


def test_a_missing_encoder_is_named(call: Callable[..., Path], maps: Path) -> None:
    with pytest.raises(SystemExit, match="encoder-both needs an encoder"):
        call("row", "encoder-both", str(maps), *BUDGET)
    with pytest.raises(SystemExit, match="holds no baseline"):
        call("table")


def test_several_windows_put_together_are_scored_as_one_by_one(ablation: ModuleType, maps: Path, encoder: Path) -> None:
    """Each arm gets the windows of its place, of every image of a step, and the parts come back to their place."""
    import ablation_rows as rows  # type: ignore[import-not-found]
    from neosegdino.synthesis.label_maps import load_packed

    torch.manual_seed(0)
    made = rows.RowModel(rows.ROWS["windows-8-each"], encoder, "cpu")
    generator = starter.make_generator(load_packed(maps), held_out=True, seed=1, device="cpu")
    image = generator(3, starter.NEAR).image
    made.model.arms.eval()
    with torch.no_grad():
        grid, windows, tokens = made._cut(rows._in_line(image), generator)
        parts = torch.cat([made._decode(tokens, windows, [position]) for position in range(len(grid))])
        whole = rows.reassemble(parts, grid, (48, 16, 16))
        alone = [made.scores(generator)(image[n : n + 1])[0] for n in range(3)]
    torch.testing.assert_close(whole, torch.cat(alone, dim=1))
    corner = rows.rescale_windows(image[1:2, :, 8:, :8, 8:], *generator.scaling)
    with torch.no_grad():
        wanted = made.model(corner, position=5)
    torch.testing.assert_close(alone[1][:, 8:, :8, 8:], wanted[0], atol=1e-4, rtol=1e-4)


def test_two_passes_learn_what_one_graph_learns(
    ablation: ModuleType, maps: Path, encoder: Path, tmp_path: Path
) -> None:
    """Of one window, the way of several windows and the starter's own end at the same weights."""
    import ablation_rows as rows
    from neosegdino.synthesis.label_maps import load_packed

    states = []
    for own in (False, True):
        torch.manual_seed(0)
        made = rows.RowModel(rows.ROWS["baseline"], encoder, "cpu")
        generator = starter.make_generator(load_packed(maps), held_out=False, seed=1, device="cpu")
        fit = made.fit_windows if own else fit_arm
        fit(made.model, generator, [(starter.NEAR, 2)], Schedule(3, 1e-3, warmup=1), tmp_path / f"{own}.c", print, 1e9)
        states.append(made.model.arms.state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, atol=1e-4, rtol=1e-3)


def test_without_an_encoder_its_weights_do_not_matter(ablation: ModuleType, encoder: Path, maps: Path) -> None:
    import ablation_rows as rows

    packed, found = load_packed(maps), {}
    for name in ("no-encoder", "baseline"):
        for scale in (1.0, 2.0):
            weights = encoder.with_name("scaled.safetensors")
            starter.save_weights({k: scale * v for k, v in starter.load_weights(encoder).items()}, weights)
            budget = {"steps": 2, "images": 2, "count": 2, "seed": 1, "device": "cpu", "log": print}
            found[name, scale] = rows.run_row(rows.ROWS[name], packed, weights, **budget)["dice"]
    assert found["no-encoder", 1.0] == found["no-encoder", 2.0]
    assert found["baseline", 1.0] != found["baseline", 2.0]


def test_a_loss_carries_the_gradients_that_are_held(ablation: ModuleType) -> None:
    import ablation_rows as rows

    layer = nn.Linear(3, 2)
    gradients = [torch.randn_like(parameter) for parameter in layer.parameters()]
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        parameter.grad = gradient.clone()
    value = rows.carrying_gradients(torch.tensor(0.7), layer)
    assert float(value.detach()) == pytest.approx(0.7)
    layer.zero_grad(set_to_none=True)
    value.backward()
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, gradient)
