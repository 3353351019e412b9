"""The frozen 2D vision transformer from timm: the only place that imports timm."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from neosegdino.errors import DependencyError, WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from neosegdino.spec import EncoderSpec

RESERVED_OPTIONS = frozenset(
    {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "model_name", "kwargs"}
    | {"num_classes", "dynamic_img_size", "in_chans", "features_only", "scriptable", "exportable", "no_jit"}
)
"""Options that a bundle may not set: they are set here, or they would read files or the network."""

_INSTALL = "Install it with: python -m pip install 'timm>=1.0.20,<2' 'torchvision>=0.19,<1'."
_MATCH = "Install the torchvision release that belongs to the installed torch."
_OPERATORS = ("nms", "qnms")
_declared: list[torch.library.Library] = []  # a declaration lasts as long as its Library object


def import_timm() -> ModuleType:
    """Import timm, also beside a torchvision whose compiled part does not load.

    timm imports torchvision, of which a vision transformer uses nothing compiled. Where torchvision was built for
    another torch, its Python part stops at operators that are not there; these are then declared and timm is
    imported once more.

    Raises
    ------
    DependencyError
        timm or torchvision is missing or does not load.
    """
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise DependencyError(f"The Python package timm cannot be imported: {error}.", _INSTALL) from error
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise DependencyError(f"The Python package torchvision does not load: {error}.", _MATCH) from error
    _forget_half_imports()
    _declare_operators()
    try:
        return importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:
        _forget_half_imports()
        raise DependencyError(f"The Python package torchvision does not load: {error}.", _MATCH) from error


def _forget_half_imports() -> None:
    """Drop what a failed import left behind, as it would be found again half made."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("timm", "torchvision"):
            del sys.modules[name]


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    _declared.append(library)
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            library.define(schema)


def create_backbone(spec: EncoderSpec, *, pretrained_state: Mapping[str, torch.Tensor] | None = None) -> nn.Module:
    """Make the encoder's network, frozen and in evaluation mode.

    Parameters
    ----------
    spec : EncoderSpec
        Architecture, input channels (``slab``), decoded blocks and further options.
    pretrained_state : mapping of str to Tensor, optional
        Weights in timm's names, complete; None leaves the random start.

    Returns
    -------
    torch.nn.Module
        Takes images ``(n, slab, height, width)`` with sides that are multiples of the patch.

    Raises
    ------
    WeightsError
        Unknown or unfit architecture or option, or weights that do not fit.
    DependencyError
        timm does not load.
    """
    model = build(spec.architecture, spec.slab, spec.options)
    _check_blocks(model, spec)
    if pretrained_state is not None:
        load_strictly(model, pretrained_state, spec.architecture)
    return model.eval().requires_grad_(False)


def build(architecture: str, slab: int, options: Mapping[str, Any]) -> nn.Module:
    """Make a network with random weights; see `create_backbone`."""
    timm = import_timm()
    _check_name(timm, architecture)
    if refused := sorted(RESERVED_OPTIONS.intersection(options)):
        raise WeightsError(
            f"The encoder options {', '.join(refused)} are not allowed.",
            "Remove them from the bundle's encoder.options.",
        )
    try:
        model: nn.Module = timm.create_model(
            architecture, pretrained=False, num_classes=0, dynamic_img_size=True, in_chans=slab, **options
        )
    except (TypeError, ValueError, AssertionError) as error:
        raise WeightsError(
            f"The architecture {architecture} cannot be built as a slice encoder: {error}.",
            "Choose a plain vision transformer such as vit_small_patch16_dinov3, and options that it knows.",
        ) from error
    missing = [name for name in ("patch_embed", "blocks", "forward_intermediates") if not hasattr(model, name)]
    if missing:
        raise WeightsError(
            f"The architecture {architecture} is not a vision transformer with patch tokens (no {', '.join(missing)}).",
            "Choose a plain vision transformer such as vit_small_patch16_dinov3.",
        )
    return model


def load_strictly(model: nn.Module, state: Mapping[str, torch.Tensor], architecture: str) -> None:
    """Load weights that must fit exactly; a `WeightsError` names what does not."""
    own = model.state_dict()
    if problem := describe_misfit(own, state):
        raise WeightsError(
            f"The encoder weights do not fit {architecture}: {problem}.",
            "Use the architecture that the weights were made for.",
        )
    model.load_state_dict(dict(state), strict=True)


def describe_misfit(expected: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], most: int = 4) -> str:
    """Say which names are missing, surplus or of another shape; empty when all fit."""
    shapes = [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    parts = {
        "missing": [name for name in expected if name not in state],
        "unexpected": [name for name in state if name not in expected],
        "other shapes": shapes,
    }
    return "; ".join(f"{kind}: {_first(names, most)}" for kind, names in parts.items() if names)


def _first(names: list[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _check_name(timm: ModuleType, architecture: str) -> None:
    known = timm.list_models()
    if architecture in known:
        return
    near = difflib.get_close_matches(architecture, known, n=4, cutoff=0.4)
    remedy = f"Near names: {', '.join(near)}." if near else "timm.list_models('*vit*') lists the names."
    raise WeightsError(f"timm {timm.__version__} knows no architecture {architecture!r}.", remedy)


def _check_blocks(model: nn.Module, spec: EncoderSpec) -> None:
    depth = len(list(model.get_submodule("blocks").children()))
    beyond = [block for block in spec.blocks if block >= depth]
    if beyond or not spec.blocks:
        raise WeightsError(
            f"The bundle decodes blocks {list(spec.blocks)} of {spec.architecture}, which has blocks 0 to {depth - 1}.",
            "Correct encoder.blocks in bundle.json.",
        )
