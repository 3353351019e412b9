"""Published encoder weights: licence first, then one file from the hub or from disk, checked by its SHA-256."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from neosegdino import files, licences, weights_store
from neosegdino.errors import WeightsError
from neosegdino.folders import cannot_write, private_folder, remove_leftovers
from neosegdino.licences import DINOV3, Licence, read_licence
from neosegdino.locks import locked
from neosegdino.progress import Progress
from neosegdino.weights_store import FILE, Name, Part

TAG = "lvd1689m"
"""Tag of the weights that Meta trained on its web images."""
META_FILES = {
    "vit_small_patch16_dinov3": "dinov3_vits16_pretrain_lvd1689m-08c60483.pth",
    "vit_small_plus_patch16_dinov3": "dinov3_vits16plus_pretrain_lvd1689m-4057cbaa.pth",
    "vit_base_patch16_dinov3": "dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth",
    "vit_large_patch16_dinov3": "dinov3_vitl16_pretrain_lvd1689m-8aa4cbdd.pth",
    "vit_huge_plus_patch16_dinov3": "dinov3_vith16plus_pretrain_lvd1689m-7c1da9a5.pth",
    "vit_7b_patch16_dinov3": "dinov3_vit7b16_pretrain_lvd1689m-a955f4ea.pth",
}
"""Meta's own files of the ``lvd1689m`` weights; each name ends in the first digits of the file's SHA-256."""

_DOWNLOAD, _CHECK = "download", "check weights"
_CHECK_SHARE = 0.02
"""Time that the SHA-256 of a piece takes, where bringing it takes 1."""


def licence(architecture: str, tag: str) -> Licence:
    """Return the licence of published weights.

    Raises
    ------
    WeightsError
        timm knows no such weights.
    """
    if architecture in META_FILES and tag == TAG:
        return read_licence(DINOV3)
    from neosegdino.backbone import import_timm

    timm = import_timm()
    known = timm.list_pretrained(f"{architecture}.*")
    if f"{architecture}.{tag}" not in known:
        tags = ", ".join(name.partition(".")[2] for name in known) or "none"
        raise WeightsError(f"There are no published weights {architecture}.{tag}.", f"Known tags: {tags}.")
    return read_licence(timm.get_pretrained_cfg(f"{architecture}.{tag}").license or "unknown")


def fetch(architecture: str, tag: str, *, accept_licence: bool, progress: Progress | None = None) -> Path:
    """Return the path of published weights; they are downloaded when they are not here yet.

    Weights that are here are only compared with the SHA-256 recorded when they came, without network. A download that
    was stopped, in whatever way, goes on where it stopped.

    Parameters
    ----------
    architecture, tag : str
        timm's names, for example ``vit_small_patch16_dinov3`` and ``lvd1689m``.
    accept_licence : bool
        Whether the user accepts the licence, which the caller has shown (`licence`); an acceptance is recorded and
        need not be given again.
    progress : Progress, optional
        Takes reports of progress and may stop the download.

    Raises
    ------
    WeightsError
        Licence not accepted, no network, or another SHA-256.
    OutputError
        The file cannot be written.
    Cancelled
        The user stopped it; what has come is kept.
    """
    name = Name(architecture, tag)
    if weights_store.there(name):
        return weights_store.find(name)
    terms = _accepted_licence(name, accept_licence)
    with _only_one(name):
        if not weights_store.there(name):
            _download(name, terms.name, progress or Progress())
        return weights_store.find(name)


def use_file(
    architecture: str, tag: str, source: Path, *, accept_licence: bool, progress: Progress | None = None
) -> Path:
    """Put downloaded weights in the place of published ones; former ones are replaced when the new ones are whole.

    Parameters
    ----------
    architecture, tag : str
        timm's names of the weights that the file holds.
    source : Path
        ``.safetensors`` file of timm or Hugging Face, or Meta's ``.pth``.
    accept_licence, progress
        As of `fetch`.

    Raises
    ------
    WeightsError
        Licence not accepted, or the file does not hold these weights.
    OutputError
        The file cannot be written.
    """
    name, progress = Name(architecture, tag), progress or Progress()
    terms = _accepted_licence(name, accept_licence)
    with _only_one(name):
        progress.plan({_CHECK: 3, "copy": 1})
        progress.start(_CHECK)
        from neosegdino import weights

        tensors = weights.published(source, architecture)
        progress.start("copy")
        with private_folder(name.folder.parent) as workplace:
            new = workplace / "weights"
            try:
                new.mkdir()
                files.save_tensors(tensors, new / FILE)
            except OSError as error:
                raise cannot_write(name.folder, error) from error
            return weights_store.put(name, new, f"file {source.name}", terms.name)


def remove(architecture: str, tag: str) -> None:
    """Remove weights, and what there is of a stopped download.

    Raises
    ------
    WeightsError
        There is neither, or another process is bringing these weights.
    OutputError
        They cannot be removed.
    """
    name = Name(architecture, tag)
    with _only_one(name):
        begun = bool(weights_store.begun(name))
        weights_store.discard_parts(name)
        if weights_store.there(name) or not begun:
            weights_store.remove(name)


def discard(architecture: str, tag: str) -> None:
    """Remove what there is of a stopped download.

    Raises
    ------
    WeightsError
        Another process goes on with it.
    OutputError
        It cannot be removed.
    """
    name = Name(architecture, tag)
    with _only_one(name):
        weights_store.discard_parts(name)


def _accepted_licence(name: Name, accept: bool) -> Licence:
    terms = licence(name.architecture, name.tag)
    if accept:
        licences.accept(terms)
    elif licences.accepted(terms) is None:
        raise WeightsError(
            f"The licence {terms.name!r} of {name} has not been accepted; nothing was downloaded.",
            "Read and accept it in the panel's tab Models, or with: "
            f"neosegdino models fetch {name.architecture} --tag {name.tag}.",
        )
    return terms


def _only_one(name: Name) -> AbstractContextManager[None]:
    """Let one process at a time bring these weights; another one is told at once, as that may take long."""
    remove_leftovers(name.folder.parent)
    busy = WeightsError(f"Another process is bringing the weights {name}.", "Wait until it has ended.")
    return locked(name.folder.parent / f".{name}.lock", busy, wait_s=0)


def _download(name: Name, licence_name: str, progress: Progress) -> None:
    from neosegdino import hub_file

    repository = f"timm/{name}"
    try:
        announced = hub_file.announce(repository, FILE)
        part = weights_store.part_of(name, announced.size, announced.sha256)
        weights_store.require_space(part.path.parent, announced.size - part.bytes)
        _plan(progress, part)
        hub_file.transfer(announced, part, progress.advance, lambda: _plan(progress, part))
        progress.start(_CHECK)
        _require_whole(part, repository)
        with private_folder(name.folder.parent) as workplace:
            new = workplace / "weights"
            new.mkdir()
            part.path.rename(new / FILE)
            weights_store.put(name, new, repository, licence_name)
    except hub_file.NoNetworkError as error:
        raise WeightsError(error.message, f"{error.remedy} {_offline_route(name)}") from error
    except OSError as error:
        raise cannot_write(name.folder, error) from error


def _plan(progress: Progress, part: Part) -> None:
    """Plan the rest of a download; what has come before counts as done, and not for the measured rate."""
    have, left = part.bytes, part.size - part.bytes
    progress.plan({"kept": have, _DOWNLOAD: left, _CHECK: _CHECK_SHARE * part.size})
    progress.start(_DOWNLOAD, left)


def _require_whole(part: Part, repository: str) -> None:
    digest = files.sha256(part.path)
    if digest != part.sha256:
        part.path.unlink()
        raise WeightsError(
            f"{repository}: the downloaded file is damaged or altered: its SHA-256 is {digest}, expected "
            f"{part.sha256}. Nothing was kept.",
            "Try again; should it happen again, do not use these weights.",
        )


def _offline_route(name: Name) -> str:
    meta = META_FILES.get(name.architecture.removesuffix("_qkvb")) if name.tag == TAG else None
    other = f" or Meta's {meta}" if meta else ""
    return (
        f"Without network: download {FILE} of timm/{name}{other} on another computer, bring it here, and choose it "
        f"with 'Use a Downloaded File', or: neosegdino models use-file {name.architecture} FILE --tag {name.tag}."
    )
