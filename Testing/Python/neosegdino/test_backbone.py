from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import neosegdino
import pytest
import torch
from neosegdino import backbone
from neosegdino.errors import DependencyError, WeightsError
from neosegdino.spec import EncoderSpec, EncoderWeights

SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2}
PACKAGE_PARENT = Path(neosegdino.__file__).parents[1]

BROKEN_TORCHVISION = """
import torch.library
@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return dets
"""


def encoder(architecture: str = "vit_tiny_patch16_dinov3_qkvb", **changes: object) -> EncoderSpec:
    values: dict[str, object] = {
        "architecture": architecture,
        "weights": EncoderWeights("bundle"),
        "blocks": (0, 1),
        "options": SMALL,
    }
    return EncoderSpec(**(values | changes))  # type: ignore[arg-type]


def run_fresh(code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    folders = [str(folder) for folder in (*path, PACKAGE_PARENT)]
    code = f"import sys; sys.path[:0] = {folders!r}\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)


def test_backbone_is_frozen_and_gives_maps_of_the_blocks() -> None:
    model = backbone.create_backbone(encoder())
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    maps = model.forward_intermediates(torch.zeros(2, 1, 48, 32), indices=[0, 1], norm=True, intermediates_only=True)
    assert [tuple(part.shape) for part in maps] == [(2, 32, 3, 2)] * 2


def test_state_is_loaded() -> None:
    source = backbone.create_backbone(encoder(slab=3))
    copy = backbone.create_backbone(encoder(slab=3), pretrained_state=source.state_dict())
    assert all(torch.equal(value, copy.state_dict()[name]) for name, value in source.state_dict().items())


def test_state_that_does_not_fit_names_the_tensors() -> None:
    state = backbone.create_backbone(encoder()).state_dict()
    state["surplus"] = state.pop("norm.weight")
    state["cls_token"] = state["cls_token"][..., :16]
    with pytest.raises(WeightsError) as caught:
        backbone.create_backbone(encoder(), pretrained_state=state)
    for part in ("missing: norm.weight", "unexpected: surplus", "cls_token is (1, 1, 16) instead of (1, 1, 32)"):
        assert part in caught.value.message


def test_unknown_architecture_names_near_ones() -> None:
    with pytest.raises(WeightsError, match="no architecture 'vit_smal_patch16_dinov3'") as caught:
        backbone.create_backbone(encoder("vit_smal_patch16_dinov3"))
    assert "vit_small_patch16_dinov3" in caught.value.remedy


@pytest.mark.parametrize("name", ["hf-hub:someone/model", "local-dir:/somewhere", "vit_small_patch16_dinov3.lvd1689m"])
def test_names_that_would_reach_out_are_unknown(name: str) -> None:
    with pytest.raises(WeightsError, match="knows no architecture"):
        backbone.create_backbone(encoder(name, options={}))


@pytest.mark.parametrize("name", ["resnet18", "swin_tiny_patch4_window7_224"])
def test_other_networks_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match=name):
        backbone.create_backbone(encoder(name, options={}))


def test_unknown_option_is_named() -> None:
    with pytest.raises(WeightsError, match="nonsense"):
        backbone.create_backbone(encoder(options={"nonsense": 1}))


@pytest.mark.parametrize("option", ["checkpoint_path", "pretrained", "pretrained_cfg_overlay"])
def test_options_that_would_load_something_are_refused(option: str) -> None:
    with pytest.raises(WeightsError, match=f"options {option} are not allowed"):
        backbone.create_backbone(encoder(options={option: "/some/file"}))


@pytest.mark.parametrize("blocks", [(), (0, 2)])
def test_blocks_must_exist(blocks: tuple[int, ...]) -> None:
    with pytest.raises(WeightsError, match="blocks 0 to 1"):
        backbone.create_backbone(encoder(blocks=blocks))


def test_plain_vit_of_timm_serves_as_well() -> None:
    model = backbone.create_backbone(encoder("vit_tiny_patch16_224", options={"depth": 2}))
    maps = model.forward_intermediates(torch.zeros(1, 1, 32, 64), indices=[1], norm=True, intermediates_only=True)
    assert tuple(maps[0].shape) == (1, 192, 2, 4)


@pytest.mark.slow
def test_timm_loads_beside_an_unfit_torchvision_twice_and_in_any_order() -> None:
    """In a fresh process, with torchvision already failed once as other libraries leave it."""
    result = run_fresh(
        "try:\n    import torchvision\nexcept RuntimeError:\n    pass\n"
        "from neosegdino import backbone\n"
        "first, second = backbone.import_timm(), backbone.import_timm()\n"
        "import timm\n"
        "assert first is second is timm\n"
        "print(len(first.create_model('vit_tiny_patch16_224', depth=1, num_classes=0).blocks))\n"
    )
    assert result.stdout.split() == ["1"], result.stderr


def test_half_imported_modules_are_dropped_and_the_import_succeeds(tmp_path: Path) -> None:
    """A torchvision that stops at a missing operator on every import until the operator is declared."""
    for name, body in {"torchvision": BROKEN_TORCHVISION, "timm": "import torchvision\nvalue = 7\n"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"from . import part\n{body}", encoding="utf-8")
        (tmp_path / name / "part.py").write_text("", encoding="utf-8")
    result = run_fresh("from neosegdino import backbone\nprint(backbone.import_timm().value)", tmp_path)
    assert result.stdout.split() == ["7"], result.stderr


@pytest.mark.parametrize(
    ("body", "kind"), [("raise RuntimeError('other CUDA version')", "torchvision"), ("import absent_package", "timm")]
)
def test_a_timm_that_does_not_load_is_a_dependency_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, kind: str
) -> None:
    (tmp_path / "timm.py").write_text(body, encoding="utf-8")
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DependencyError, match=kind) as caught:
        backbone.import_timm()
    assert "nstall" in caught.value.remedy
