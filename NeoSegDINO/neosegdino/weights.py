"""Encoder weights from a local file in Meta's, timm's or Hugging Face's layout."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neosegdino import files, weights_layouts, weights_store
from neosegdino.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from neosegdino.bundle import Bundle

_PICKLE_SUFFIXES = (".pth", ".pt", ".bin")
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})\.pth$")
_AGAIN = "Download the file again."


def encoder_state(bundle: Bundle) -> dict[str, Tensor]:
    """Read a bundle's encoder weights from wherever the bundle says they are.

    Weights of the hub must be here already (the panel's tab Models, ``neosegdino models fetch``): segmenting never
    uses the network.

    Returns
    -------
    dict of str to Tensor
        float32, in timm's names.

    Raises
    ------
    BundleError
        The bundle's own file is damaged.
    WeightsError
        The weights cannot be had or do not fit.
    """
    encoder = bundle.spec.encoder
    source = encoder.weights
    if source.source == "bundle":
        return bundle.state(source.file)
    if source.source == "hub":
        path = weights_store.find(weights_store.Name(encoder.architecture, source.tag), source.sha256)
    else:
        path = Path(source.file).expanduser()
    return load_state(path, encoder.architecture, slab=encoder.slab, options=encoder.options, sha256=source.sha256)


def load_state(
    path: str | Path, architecture: str, *, slab: int, options: Mapping[str, Any] | None = None, sha256: str = ""
) -> dict[str, Tensor]:
    """Read encoder weights for a timm architecture.

    Parameters
    ----------
    path : str or Path
        ``.safetensors`` file of timm or Hugging Face, or Meta's ``.pth`` (read without running any code in it).
    architecture : str
        timm model name, for example ``vit_small_patch16_dinov3``.
    slab : int
        Input channels of the encoder: an RGB patch embedding is summed for 1 (exact for a grey image), kept for 3.
    options : mapping, optional
        Further keyword arguments of ``timm.create_model``, as in the bundle.
    sha256 : str, optional
        Expected SHA-256 of the file; empty when it is not known.

    Returns
    -------
    dict of str to Tensor
        float32, complete and fitting, in timm's names.

    Raises
    ------
    WeightsError
        The file is missing, damaged, holds more than tensors, has an unknown layout or does not fit.
    """
    path = Path(path)
    check_file(path, sha256)
    raw = _read(path)
    layout = weights_layouts.recognise(raw)
    if layout is None:
        raise WeightsError(
            f"{path}: not a vision transformer in a known layout (it begins with {', '.join(list(raw)[:3])}).",
            "Use a file published by Meta, timm or Hugging Face for this architecture.",
        )
    state = weights_layouts.to_timm(raw, layout)
    if "patch_embed.proj.weight" in state:
        state["patch_embed.proj.weight"] = _fold_channels(state["patch_embed.proj.weight"], slab, path)
    state = {name: tensor.float() for name, tensor in state.items()}
    return _fitted(state, _expected(architecture, slab, options or {}), architecture, path)


def published(path: Path, architecture: str) -> dict[str, Tensor]:
    """Read the tensors of a published file as they are, when they are weights of a timm architecture.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or holds other weights.
    """
    load_state(path, architecture, slab=3)
    return {name: tensor.contiguous().clone() for name, tensor in _read(path).items()}


def check_file(path: Path, sha256: str = "") -> None:
    """Check a file against the given SHA-256 and against the one that its name carries, as Meta's names do.

    Raises
    ------
    WeightsError
        There is no such file, or a hash differs.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}.", "Check the path.")
    in_name = _HASH_IN_NAME.search(path.name)
    expected = [sha256] if sha256 else []
    expected += [in_name[1]] if in_name else []
    if not expected:
        return
    digest = files.sha256(path)
    for wanted in expected:
        if not digest.startswith(wanted):
            raise WeightsError(f"{path} is damaged or altered: its SHA-256 is {digest}, expected {wanted}.", _AGAIN)


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in _PICKLE_SUFFIXES:
        return _read_pickle(path)
    raise WeightsError(
        f"{path}: unknown kind of weights file {path.suffix!r}.", "Give a .safetensors file or Meta's .pth file."
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file: {error}.", _AGAIN) from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than tensors, or is damaged, and is not opened.",
            "Use the file as its authors published it, or one in safetensors format.",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is not a whole weights file: {error}.", _AGAIN) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(
            f"{path} holds other things than named tensors.", "Use the file of the encoder alone, not a checkpoint."
        )
    return state


def _fold_channels(weight: Tensor, slab: int, path: Path) -> Tensor:
    channels = weight.shape[1]
    if channels == slab:
        return weight
    if channels == 3 and slab == 1:
        return weight.float().sum(dim=1, keepdim=True)
    raise WeightsError(
        f"{path}: weights for {channels} input channels cannot serve an encoder that sees {slab} slices at once.",
        "Set encoder.slab to 1 or 3 for weights trained on RGB images.",
    )


def _expected(architecture: str, slab: int, options: Mapping[str, Any]) -> dict[str, Tensor]:
    import torch

    from neosegdino.backbone import build

    with torch.device("meta"):  # names and shapes only, no memory
        return build(architecture, slab, options).state_dict()


def _fitted(
    state: dict[str, Tensor], expected: Mapping[str, Tensor], architecture: str, path: Path
) -> dict[str, Tensor]:
    from neosegdino.backbone import describe_misfit

    fitted = {name: tensor for name, tensor in state.items() if name in expected or not _is_silent_bias(name, tensor)}
    if not (problem := describe_misfit(expected, fitted)):
        return fitted
    other = weights_layouts.fitting_architecture(state)
    remedy = f"These weights are of {other}." if other and other != architecture else ""
    raise WeightsError(
        f"{path} does not fit {architecture}: {problem}.", remedy or "Use the architecture the weights were made for."
    )


def _is_silent_bias(name: str, tensor: Tensor) -> bool:
    """Tell whether this is a bias of zeros: most of Meta's models have one, and timm's forms of them have none."""
    return name.endswith(("q_bias", "k_bias", "v_bias")) and not bool(tensor.any())
