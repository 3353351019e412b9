"""Names of DINOv3 weights in the three layouts in use, brought to timm's names.

Meta publishes ``.pth`` files with the names of its own code, Hugging Face's transformers splits queries, keys and
values, and timm keeps the bias of queries and values as two parameters of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Layout = Literal["meta", "timm", "huggingface"]
State = dict[str, "Tensor"]

_META_ONLY = re.compile(r"(storage_tokens|rope_embed\.periods|blocks\.\d+\.attn\.qkv\.bias_mask)$")
_META_UNUSED = re.compile(r"(mask_token|rope_embed\.periods|.*\.bias_mask|local_cls_norm\..*)$")
_META_NAMES = {
    r"^storage_tokens$": "reg_token",
    r"\.ls([12])\.gamma$": r".gamma_\1",
    r"\.mlp\.w1\.": ".mlp.fc1_g.",
    r"\.mlp\.w2\.": ".mlp.fc1_x.",
    r"\.mlp\.w3\.": ".mlp.fc2.",
}
_HUGGINGFACE_NAMES = {
    r"^embeddings\.cls_token$": "cls_token",
    r"^embeddings\.register_tokens$": "reg_token",
    r"^embeddings\.patch_embeddings\.": "patch_embed.proj.",
    r"^(?:model\.)?layer\.(\d+)\.": r"blocks.\1.",
    r"\.attention\.o_proj\.": ".attn.proj.",
    r"\.attention\.([qkv])_proj\.bias$": r".attn.\1_bias",
    r"\.attention\.": ".attn.",
    r"\.layer_scale([12])\.lambda1$": r".gamma_\1",
    r"\.mlp\.gate_proj\.": ".mlp.fc1_g.",
    r"\.mlp\.down_proj\.": ".mlp.fc2.",
}
_SIZES = {
    (192, 12, False): "vit_tiny_patch16_dinov3",
    (384, 12, False): "vit_small_patch16_dinov3",
    (384, 12, True): "vit_small_plus_patch16_dinov3",
    (768, 12, False): "vit_base_patch16_dinov3",
    (1024, 24, False): "vit_large_patch16_dinov3",
    (1280, 32, True): "vit_huge_plus_patch16_dinov3",
    (4096, 40, True): "vit_7b_patch16_dinov3",
}
"""DINOv3 architectures of timm by width, depth and gated MLP; those with a bias end in ``_qkvb``."""


def recognise(names: Mapping[str, object]) -> Layout | None:
    """Tell the layout from the names; None when it is none of the three."""
    if any(_META_ONLY.match(name) for name in names):
        return "meta"
    if any(name.startswith("embeddings.patch_embeddings.") for name in names):
        return "huggingface"
    return "timm" if "patch_embed.proj.weight" in names else None


def to_timm(state: Mapping[str, Tensor], layout: Layout) -> State:
    """Rename, split and join tensors so that they have timm's names; what is not known keeps its name."""
    if layout == "meta":
        return _from_meta(state)
    if layout == "huggingface":
        return _from_huggingface(state)
    return {name: tensor for name, tensor in state.items() if not name.startswith("head.")}


def _from_meta(state: Mapping[str, Tensor]) -> State:
    result: State = {}
    for name, tensor in state.items():
        if _META_UNUSED.match(name):
            continue
        if name.endswith(".qkv.bias"):
            masked = f"{name}_mask" in state  # the mask silences the bias of the keys whatever its value
            result.update(_split_bias(name.removesuffix("qkv.bias"), tensor, keys=not masked))
        else:
            result[_rename(name, _META_NAMES)] = tensor
    return result


def _split_bias(prefix: str, bias: Tensor, *, keys: bool) -> State:
    query, key, value = bias.chunk(3)
    parts = {f"{prefix}q_bias": query, f"{prefix}v_bias": value}
    return parts | {f"{prefix}k_bias": key} if keys else parts


def _from_huggingface(state: Mapping[str, Tensor]) -> State:
    gated = any(".mlp.gate_proj." in name for name in state)
    names = _HUGGINGFACE_NAMES | {r"\.mlp\.up_proj\.": ".mlp.fc1_x." if gated else ".mlp.fc1."}
    result = {_rename(name, names): tensor for name, tensor in state.items() if name != "embeddings.mask_token"}
    for name in [name for name in result if name.endswith(".q_proj.weight")]:
        _join_qkv(result, name.removesuffix("q_proj.weight"))
    return result


def _join_qkv(state: State, prefix: str) -> None:
    import torch

    parts = [f"{prefix}{letter}_proj.weight" for letter in "qkv"]
    if all(part in state for part in parts):
        state[f"{prefix}qkv.weight"] = torch.cat([state.pop(part) for part in parts])


def _rename(name: str, names: Mapping[str, str]) -> str:
    for pattern, replacement in names.items():
        name = re.sub(pattern, replacement, name)
    return name


def fitting_architecture(state: Mapping[str, Tensor]) -> str | None:
    """Name timm's DINOv3 architecture that weights in timm's names were made for; None when it cannot be told."""
    if "cls_token" not in state or "reg_token" not in state:
        return None
    width = int(state["cls_token"].shape[-1])
    depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
    name = _SIZES.get((width, depth, "blocks.0.mlp.fc1_g.weight" in state))
    biases = [tensor for key, tensor in state.items() if key.endswith((".q_bias", ".v_bias"))]
    biased = any(bool(tensor.any()) for tensor in biases)
    return f"{name}_qkvb" if name is not None and biased else name
