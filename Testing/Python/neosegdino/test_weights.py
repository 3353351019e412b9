from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_samples import make_spec
from module_samples.hub_server import Hub
from neosegdino import backbone, files, weights, weights_layouts, weights_store
from neosegdino.bundle import Bundle, write_bundle
from neosegdino.errors import WeightsError
from neosegdino.spec import EncoderSpec, EncoderWeights
from safetensors.torch import save_file
from torch import Tensor, nn

State = dict[str, Tensor]
SMALL: dict[str, Any] = {"embed_dim": 32, "depth": 2, "num_heads": 2}
PLAIN = "vit_small_patch16_dinov3"
BIASED = "vit_small_patch16_dinov3_qkvb"
GATED = "vit_small_plus_patch16_dinov3_qkvb"


def random_vit(architecture: str, slab: int = 3) -> nn.Module:
    torch.manual_seed(3)
    model = backbone.build(architecture, slab, SMALL).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model


def features(model: nn.Module, image: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat(
            model.forward_intermediates(image, indices=[0, 1], norm=True, intermediates_only=True)  # type: ignore[operator]
        )


def in_meta_names(state: State) -> State:
    """Names of Meta's own code, with its buffers and the token of masked training."""
    gated = "blocks.0.mlp.fc1_g.weight" in state
    swaps = {"reg_token": "storage_tokens", "gamma_": "ls", "fc1_g": "w1", "fc1_x": "w2"}
    swaps |= {"fc2": "w3"} if gated else {}
    result = {"mask_token": torch.zeros(1, 32), "rope_embed.periods": torch.ones(4)}
    for name, tensor in state.items():
        new = name
        for old, other in swaps.items():
            new = new.replace(old, other)
        if ".ls" in new:
            new += ".gamma"
        if not new.endswith(("q_bias", "v_bias")):
            result[new] = tensor
    for block in range(2):
        prefix = f"blocks.{block}.attn."
        query = state.get(prefix + "q_bias", torch.zeros(32))
        value = state.get(prefix + "v_bias", torch.zeros(32))
        result[prefix + "qkv.bias"] = torch.cat([query, torch.ones(32), value])  # the keys' part is masked
        result[prefix + "qkv.bias_mask"] = torch.cat([torch.ones(32), torch.zeros(32), torch.ones(32)])
    return result


def in_huggingface_names(state: State) -> State:
    """Names of transformers' DINOv3ViTModel."""
    gated = "blocks.0.mlp.fc1_g.weight" in state
    up = "fc1_x" if gated else "fc1"
    swaps = [
        (r"^(cls_token)$", r"embeddings.\1"),
        (r"^reg_token$", "embeddings.register_tokens"),
        (r"^patch_embed\.proj", "embeddings.patch_embeddings"),
        (r"^blocks\.", "layer."),
        (r"\.gamma_(\d)$", r".layer_scale\1.lambda1"),
        (r"\.attn\.proj", ".attention.o_proj"),
        (r"\.attn\.([qv])_bias$", r".attention.\1_proj.bias"),
        (r"\.fc1_g", ".gate_proj"),
        (rf"\.{up}\.", ".up_proj."),
        (r"\.fc2", ".down_proj"),
    ]
    result = {"embeddings.mask_token": torch.zeros(1, 1, 32)}
    for name, tensor in state.items():
        if name.endswith("qkv.weight"):
            block = name.split(".")[1]
            for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                result[f"layer.{block}.attention.{letter}_proj.weight"] = part
            continue
        new = name
        for pattern, other in swaps:
            new = re.sub(pattern, other, new)
        result[new] = tensor
    return result


def write_meta(folder: Path, state: State) -> Path:
    path = folder / "meta.pth"
    torch.save(in_meta_names(state), path)
    return path


def write_timm(folder: Path, state: State) -> Path:
    path = folder / "timm.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def write_huggingface(folder: Path, state: State) -> Path:
    path = folder / "huggingface.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in in_huggingface_names(state).items()}, path)
    return path


WRITERS = [write_meta, write_timm, write_huggingface]


@pytest.mark.parametrize("architecture", [PLAIN, BIASED, GATED])
@pytest.mark.parametrize("write", WRITERS)
def test_each_layout_gives_the_same_features(
    tmp_path: Path, write: Callable[[Path, State], Path], architecture: str
) -> None:
    model = random_vit(architecture)
    path = write(tmp_path, model.state_dict())
    state = weights.load_state(path, architecture, slab=3, options=SMALL)
    loaded = backbone.build(architecture, 3, SMALL).eval()
    backbone.load_strictly(loaded, state, architecture)
    image = torch.randn(2, 3, 48, 32)
    torch.testing.assert_close(features(loaded, image), features(model, image), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("architecture", [PLAIN, BIASED, GATED])
def test_meta_names_agree_with_timms_own_conversion(architecture: str) -> None:
    model = random_vit(architecture)
    state = in_meta_names(model.state_dict())
    from timm.models.eva import checkpoint_filter_fn

    theirs = checkpoint_filter_fn(dict(state), model)
    ours = weights_layouts.to_timm(state, "meta")
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items())
    assert {name for name in ours if name not in theirs} <= {f"blocks.{i}.attn.{p}_bias" for i in (0, 1) for p in "qv"}


@pytest.mark.parametrize("write", WRITERS)
def test_rgb_weights_serve_a_grey_encoder_exactly(tmp_path: Path, write: Callable[[Path, State], Path]) -> None:
    model = random_vit(PLAIN)
    state = weights.load_state(write(tmp_path, model.state_dict()), PLAIN, slab=1, options=SMALL)
    grey = backbone.build(PLAIN, 1, SMALL).eval()
    backbone.load_strictly(grey, state, PLAIN)
    image = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(features(grey, image), features(model, image.repeat(1, 3, 1, 1)), atol=1e-4, rtol=1e-4)


def test_weights_with_the_encoders_own_channels_are_kept(tmp_path: Path) -> None:
    path = write_timm(tmp_path, random_vit(PLAIN, slab=5).state_dict())
    assert weights.load_state(path, PLAIN, slab=5, options=SMALL)["patch_embed.proj.weight"].shape[1] == 5


def test_rgb_weights_cannot_serve_a_slab_of_five(tmp_path: Path) -> None:
    path = write_timm(tmp_path, random_vit(PLAIN).state_dict())
    with pytest.raises(WeightsError, match="3 input channels cannot serve an encoder that sees 5 slices"):
        weights.load_state(path, PLAIN, slab=5, options=SMALL)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in random_vit(PLAIN).state_dict().items()}
    state = weights.load_state(write_timm(tmp_path, half), PLAIN, slab=1, options=SMALL)
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}


@pytest.mark.parametrize("write", WRITERS)
def test_a_bias_that_the_architecture_has_not_is_never_dropped(
    tmp_path: Path, write: Callable[[Path, State], Path]
) -> None:
    path = write(tmp_path, random_vit(BIASED).state_dict())
    with pytest.raises(WeightsError, match=r"unexpected: blocks\.0\.attn\.q_bias"):
        weights.load_state(path, PLAIN, slab=3, options=SMALL)


def test_unmasked_bias_of_the_keys_is_never_dropped(tmp_path: Path) -> None:
    state = in_meta_names(random_vit(BIASED).state_dict())
    del state["blocks.1.attn.qkv.bias_mask"]
    torch.save(state, tmp_path / "meta.pth")
    with pytest.raises(WeightsError, match=r"unexpected: blocks\.1\.attn\.k_bias"):
        weights.load_state(tmp_path / "meta.pth", BIASED, slab=3, options=SMALL)


def test_misfit_names_keys_and_the_architecture_that_fits(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = backbone.build(PLAIN, 3, {}).state_dict()
    path = write_timm(tmp_path, small)
    with pytest.raises(WeightsError) as caught:
        weights.load_state(path, "vit_base_patch16_dinov3", slab=3)
    assert "cls_token is (1, 1, 384) instead of (1, 1, 768)" in caught.value.message
    assert caught.value.remedy == f"These weights are of {PLAIN}."


def test_missing_tensors_are_named(tmp_path: Path) -> None:
    state = random_vit(PLAIN).state_dict()
    del state["norm.weight"]
    with pytest.raises(WeightsError, match=r"missing: norm\.weight"):
        weights.load_state(write_timm(tmp_path, state), PLAIN, slab=3, options=SMALL)


def test_unknown_layout_names_what_the_file_begins_with(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"begins with conv1\.weight"):
        weights.load_state(tmp_path / "other.safetensors", PLAIN, slab=1)


class Intruder:
    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.witness,))


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    torch.save({"cls_token": Intruder(tmp_path / "ran")}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match="holds more than tensors"):
        weights.load_state(tmp_path / "bad.pth", PLAIN, slab=1)
    (tmp_path / "worse.pth").write_bytes(pickle.dumps(Intruder(tmp_path / "ran"), protocol=2))
    with pytest.raises(WeightsError):
        weights.load_state(tmp_path / "worse.pth", PLAIN, slab=1)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02}q\x00."])
def test_damaged_files_are_weights_errors(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        weights.load_state(path, PLAIN, slab=1)


@pytest.mark.parametrize("write", WRITERS)
def test_cut_files_are_weights_errors(tmp_path: Path, write: Callable[[Path, State], Path]) -> None:
    path = write(tmp_path, random_vit(PLAIN).state_dict())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=re.escape(path.name)):
        weights.load_state(path, PLAIN, slab=1)


def test_nested_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"cls_token": torch.zeros(1)}}, tmp_path / "checkpoint.pth")
    with pytest.raises(WeightsError, match="other things than named tensors"):
        weights.load_state(tmp_path / "checkpoint.pth", PLAIN, slab=1)


@pytest.mark.parametrize("name", ["absent.pth", "absent.safetensors"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="There is no weights file"):
        weights.load_state(tmp_path / name, PLAIN, slab=1)


def test_unknown_suffix(tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").touch()
    with pytest.raises(WeightsError, match="unknown kind"):
        weights.load_state(tmp_path / "weights.onnx", PLAIN, slab=1)


def test_hash_in_the_name_is_enforced(tmp_path: Path) -> None:
    path = write_meta(tmp_path, random_vit(PLAIN).state_dict())
    good = path.rename(tmp_path / f"dinov3_pretrain-{files.sha256(path)[:8]}.pth")
    assert weights.load_state(good, PLAIN, slab=1, options=SMALL)
    bad = good.rename(tmp_path / "dinov3_vits16_pretrain_lvd1689m-08c60483.pth")
    with pytest.raises(WeightsError, match=r"damaged or altered.*expected 08c60483"):
        weights.load_state(bad, PLAIN, slab=1, options=SMALL)


def test_given_hash_is_enforced(tmp_path: Path) -> None:
    path = write_timm(tmp_path, random_vit(PLAIN).state_dict())
    assert weights.load_state(path, PLAIN, slab=1, options=SMALL, sha256=files.sha256(path))
    with pytest.raises(WeightsError, match="damaged or altered"):
        weights.load_state(path, PLAIN, slab=1, options=SMALL, sha256="0" * 64)


def bundle_with(folder: Path, source: EncoderWeights) -> Bundle:
    tensors = {name: {"w": torch.ones(2)} for name in ("encoder.safetensors", "decoder.safetensors")}
    encoder = EncoderSpec(PLAIN, source, (0, 1), options=SMALL)
    return write_bundle(folder / "sample-bundle", make_spec(encoder=encoder), tensors | {"locator.safetensors": {}})


def test_encoder_weights_of_the_bundle_itself(tmp_path: Path) -> None:
    bundle = bundle_with(tmp_path, EncoderWeights("bundle", file="encoder.safetensors"))
    assert weights.encoder_state(bundle)["w"].tolist() == [1.0, 1.0]


def test_encoder_weights_of_a_local_file_are_pinned(tmp_path: Path) -> None:
    path = write_meta(tmp_path, random_vit(PLAIN).state_dict())
    bundle = bundle_with(tmp_path, EncoderWeights("file", file=str(path), sha256=files.sha256(path)))
    assert weights.encoder_state(bundle)["patch_embed.proj.weight"].shape[1] == 1
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="damaged or altered"):
        weights.encoder_state(bundle)


def test_encoder_weights_of_the_hub_are_those_on_this_computer(tmp_path: Path, home: Path, hub_server: Hub) -> None:
    bundle = bundle_with(tmp_path, EncoderWeights("hub", tag="lvd1689m"))
    with pytest.raises(WeightsError, match="are not on this computer"):
        weights.encoder_state(bundle)
    assert hub_server.asked == []
    new = tmp_path / "new"
    new.mkdir()
    write_timm(new, random_vit(PLAIN).state_dict()).rename(new / weights_store.FILE)
    name = weights_store.Name(PLAIN, "lvd1689m")
    name.folder.parent.mkdir(parents=True)
    weights_store.put(name, new, "timm/some", "some-licence")
    assert weights.encoder_state(bundle)["patch_embed.proj.weight"].shape[1] == 1
    pinned = bundle_with(tmp_path / "pinned", EncoderWeights("hub", tag="lvd1689m", sha256="0" * 64))
    with pytest.raises(WeightsError, match="not the file that the model asks for"):
        weights.encoder_state(pinned)
