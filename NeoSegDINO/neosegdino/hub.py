"""Published encoder weights from the Hugging Face hub: licence first, then one file, checked by its SHA-256."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from neosegdino import files
from neosegdino.errors import DependencyError, WeightsError
from neosegdino.folders import cannot_write, move_into_place, private_folder, user_folder

FILE = "model.safetensors"
META_FILES = {
    "vit_small_patch16_dinov3": "dinov3_vits16_pretrain_lvd1689m-08c60483.pth",
    "vit_small_plus_patch16_dinov3": "dinov3_vits16plus_pretrain_lvd1689m-4057cbaa.pth",
    "vit_base_patch16_dinov3": "dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth",
    "vit_large_patch16_dinov3": "dinov3_vitl16_pretrain_lvd1689m-8aa4cbdd.pth",
    "vit_huge_plus_patch16_dinov3": "dinov3_vith16plus_pretrain_lvd1689m-7c1da9a5.pth",
    "vit_7b_patch16_dinov3": "dinov3_vit7b16_pretrain_lvd1689m-a955f4ea.pth",
}
"""Meta's own files of the ``lvd1689m`` weights; each name ends in the first digits of the file's SHA-256."""

_ADDRESSES = {
    "dinov3-license": "https://ai.meta.com/resources/models-and-libraries/dinov3-license/",
}
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

_RECORD = "record.json"

Download = Callable[[str, str, Path], str]
"""``download(repository, file, target)`` writes the file to `target` and returns the SHA-256 that the hub announces,
or an empty string. It raises `NoNetworkError` when it cannot."""


class NoNetworkError(WeightsError):
    """The hub cannot be reached, or does not give the file."""


@dataclass(frozen=True)
class Licence:
    """Licence of published weights.

    Attributes
    ----------
    name : str
        As the hub names it.
    terms : str
        What to show before it is accepted.
    """

    name: str
    terms: str


class _Record(msgspec.Struct, frozen=True):
    """What stands beside fetched weights."""

    sha256: str
    repository: str
    licence: str
    fetched: str


def licence(architecture: str, tag: str) -> Licence:
    """Return the licence of published weights.

    Raises
    ------
    WeightsError
        timm knows no such weights.
    """
    from neosegdino.backbone import import_timm

    timm = import_timm()
    known = timm.list_pretrained(f"{architecture}.*")
    if f"{architecture}.{tag}" not in known:
        tags = ", ".join(name.partition(".")[2] for name in known) or "none"
        raise WeightsError(f"There are no published weights {architecture}.{tag}.", f"Known tags: {tags}.")
    name = timm.get_pretrained_cfg(f"{architecture}.{tag}").license or "unknown"
    terms = [f"The weights {architecture}.{tag} are published under the licence {name!r}."]
    if name in _ADDRESSES:
        terms.append(f"Its text: {_ADDRESSES[name]}")
    if name == "dinov3-license":
        terms.append(
            "Among its terms: the weights and works derived from them may be passed on only under the same licence, "
            "with a copy of it, and publications have to acknowledge their use."
        )
    return Licence(name, "\n".join(terms))


def accepted(name: str) -> str | None:
    """Return the date on which this user accepted a licence; None when not."""
    return _read_acceptances().get(name)


def accept(name: str) -> None:
    """Record that this user accepted a licence today."""
    record = {name: datetime.date.today().isoformat()} | _read_acceptances()
    path = _acceptances_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    with files.atomic_path(path) as temporary:
        temporary.write_bytes(msgspec.json.encode(record) + b"\n")


def _acceptances_path() -> Path:
    return user_folder() / "licences.json"


def _read_acceptances() -> dict[str, str]:
    path = _acceptances_path()
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is damaged: {error}.", "Delete it and accept the licence again.") from error


def fetch(
    architecture: str,
    tag: str,
    *,
    accept_licence: bool,
    expected_sha256: str = "",
    cache: Path | None = None,
    download: Download | None = None,
) -> Path:
    """Return the path of published weights; they are downloaded when they are not here yet.

    Weights that are here are only compared with the digest recorded when they came, without network.

    Parameters
    ----------
    architecture, tag : str
        timm's names, for example ``vit_small_patch16_dinov3`` and ``lvd1689m``.
    accept_licence : bool
        Whether the user accepts the licence, which the caller has shown (`licence`); an acceptance is recorded and
        need not be given again.
    expected_sha256 : str, optional
        Pin; without it the file must have the SHA-256 that the hub announces.
    cache : Path, optional
        Folder of weights; by default in the user's folder.
    download : callable, optional
        The network end.

    Raises
    ------
    WeightsError
        Licence not accepted, no network, or another SHA-256.
    DependencyError
        huggingface_hub is missing.
    OutputError
        The file cannot be written.
    """
    if not _PLAIN.fullmatch(architecture) or not _PLAIN.fullmatch(tag):
        raise WeightsError(f"{architecture}.{tag} is no name of published weights.", "Check architecture and tag.")
    folder = (cache or user_folder() / "weights") / f"{architecture}.{tag}"
    if (folder / FILE).is_file():
        return _check_recorded(folder, expected_sha256)
    terms = licence(architecture, tag)
    if accept_licence:
        accept(terms.name)
    elif accepted(terms.name) is None:
        raise WeightsError(
            f"The licence {terms.name!r} of {architecture}.{tag} has not been accepted; nothing was downloaded.",
            f"Read and accept it: neosegdino models fetch {architecture} --tag {tag}.",
        )
    _bring(folder, f"timm/{architecture}.{tag}", terms.name, expected_sha256, download or from_hub)
    return folder / FILE


def _check_recorded(folder: Path, expected_sha256: str) -> Path:
    path, record = folder / FILE, folder / _RECORD
    try:
        recorded = msgspec.json.decode(record.read_bytes(), type=_Record).sha256
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{record} is missing or damaged.", f"Delete {folder} and fetch the weights again."
        ) from error
    digest = files.sha256(path)
    for wanted in filter(None, (recorded, expected_sha256)):
        if digest != wanted:
            raise WeightsError(
                f"{path} is damaged or altered: its SHA-256 is {digest}, expected {wanted}.",
                f"Delete {folder} and fetch the weights again.",
            )
    return path


def _bring(folder: Path, repository: str, licence_name: str, expected_sha256: str, download: Download) -> None:
    with private_folder(folder.parent) as workplace:
        new = workplace / "weights"
        try:
            new.mkdir()
            announced = download(repository, FILE, new / FILE)
        except NoNetworkError as error:
            raise WeightsError(
                f"{repository} could not be downloaded: {error.message}.", _offline_route(repository)
            ) from error
        except OSError as error:
            raise cannot_write(folder, error) from error
        wanted = expected_sha256 or announced
        if not wanted:
            raise WeightsError(
                f"{repository}: the hub announces no SHA-256, so the file cannot be checked.",
                "Give the expected SHA-256 in the bundle's encoder.weights.sha256.",
            )
        digest = files.sha256(new / FILE)
        if digest != wanted:
            raise WeightsError(
                f"{repository}: the downloaded file is damaged or altered: its SHA-256 is {digest}, expected {wanted}.",
                "Try again; should it happen again, do not use these weights.",
            )
        record = _Record(digest, repository, licence_name, datetime.date.today().isoformat())
        with files.atomic_path(new / _RECORD) as temporary:
            temporary.write_bytes(msgspec.json.encode(record) + b"\n")
        move_into_place(new, folder)


def _offline_route(repository: str) -> str:
    architecture, _, tag = repository.removeprefix("timm/").partition(".")
    meta = META_FILES.get(architecture.removesuffix("_qkvb")) if tag == "lvd1689m" else None
    other = f" or Meta's {meta}" if meta else ""
    return (
        f"Without network: download {FILE} of {repository}{other} on another machine, bring it here, and name it in "
        'the bundle as encoder.weights with "source": "file".'
    )


def from_hub(repository: str, name: str, target: Path) -> str:
    """Download one file with huggingface_hub; see `Download`."""
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError as error:
        raise DependencyError(
            f"Downloading weights needs the Python package huggingface_hub: {error}.",
            "Install it: python -m pip install 'neosegdino[hub]'.",
        ) from error
    failures = (OSError, errors.HTTPError)  # the latter is that of its HTTP library
    try:
        address = huggingface_hub.hf_hub_url(repository, name)
        etag = huggingface_hub.get_hf_file_metadata(address).etag or ""
        path = huggingface_hub.hf_hub_download(repository, name, local_dir=target.parent.parent / "download")
    except failures as error:
        reason = str(error).strip().partition("\n")[0]
        raise NoNetworkError(f"{type(error).__name__}: {reason}") from error
    Path(path).replace(target)
    return etag if re.fullmatch("[0-9a-f]{64}", etag) else ""
