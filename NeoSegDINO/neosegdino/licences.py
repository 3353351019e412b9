"""Licences of published weights: their text, and who accepted which text when."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from neosegdino import files
from neosegdino.errors import WeightsError
from neosegdino.folders import user_folder
from neosegdino.locks import locked

DINOV3 = "dinov3-license"
"""Name that timm gives to the licence of Meta's DINOv3 weights."""

_ADDRESSES = {DINOV3: "https://ai.meta.com/resources/models-and-libraries/dinov3-license/"}
_TEXTS = Path(__file__).resolve().parent / "licence_texts"


@dataclass(frozen=True)
class Licence:
    """Licence of published weights.

    Attributes
    ----------
    name : str
        As timm names it.
    text : str
        What to show, in full, before it is accepted; Markdown.
    address : str
        Where its publisher keeps it; empty when that is not known.
    """

    name: str
    text: str
    address: str = ""

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, which tells one version from another."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Acceptance(msgspec.Struct, frozen=True):
    """Who accepted a licence, when, and which text."""

    user: str
    accepted: str
    sha256: str


def read_licence(name: str) -> Licence:
    """Return a licence by its name; of one whose text is not at hand, the text says so."""
    path = _TEXTS / f"{name}.md"
    if name in _ADDRESSES:
        return Licence(name, path.read_text(encoding="utf-8"), _ADDRESSES[name])
    return Licence(name, f"These weights are published under the licence {name!r}. Read it at its publisher's.\n")


def accepted(licence: Licence) -> Acceptance | None:
    """Return the record of this user's acceptance of this very text; None when there is none."""
    found = _read_acceptances().get(licence.name)
    return found if isinstance(found, Acceptance) and found.sha256 == licence.sha256 else None


def accept(licence: Licence) -> None:
    """Record that this user accepts a licence now; a text accepted before keeps its record."""
    path = _acceptances_path()
    busy = WeightsError(f"Another process is writing {path}.", "Try again.")
    with locked(path.with_suffix(".lock"), busy):
        if accepted(licence) is not None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        record = _read_acceptances() | {licence.name: Acceptance(_user(), now, licence.sha256)}
        with files.atomic_path(path) as temporary:
            temporary.write_bytes(msgspec.json.encode(record) + b"\n")


def _user() -> str:
    import psutil

    return str(psutil.Process().username())


def _acceptances_path() -> Path:
    return user_folder() / "licences.json"


def _read_acceptances() -> dict[str, Acceptance | str]:
    """Records by the licence's name; one of an early release, a bare date, does not say which text it is of."""
    path = _acceptances_path()
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Acceptance | str])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is damaged: {error}.", "Delete it and accept the licence again.") from error
