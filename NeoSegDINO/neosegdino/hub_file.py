"""One file of the Hugging Face hub over HTTP: what the hub announces, and a transfer that goes on where it stopped.

The hub's own client begins an interrupted file anew, so that its protocol is spoken here with requests: a HEAD that
announces size and SHA-256, and a GET that continues what is there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import requests

from neosegdino.errors import WeightsError
from neosegdino.weights_store import Part

ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""Environment variable that names another hub than the public one."""
TOKEN_VARIABLE = "HF_TOKEN"
"""Environment variable with the user's token, for files that the hub gives only to whom it knows."""

_PUBLIC = "https://huggingface.co"
_TIMEOUTS_S = (10.0, 20.0)
"""Until there is a connection, and between two pieces of data."""
_CHUNK = 1 << 16
_TRIES = 3
"""So often in a row a transfer may bring nothing before it is given up."""
_PAUSE_S = 1.0
_RENAMES = 5
_LATER = "Try again later."


class NoNetworkError(WeightsError):
    """The hub cannot be reached, or the connection broke for good; what has come is kept."""


class RefusedError(WeightsError):
    """The hub does not give the file."""


@dataclass(frozen=True)
class Announced:
    """What the hub says about a file.

    Attributes
    ----------
    address : str
        Where it is asked for.
    size : int
        Its bytes.
    sha256 : str
        Its SHA-256.
    """

    address: str
    size: int
    sha256: str


def announce(repository: str, file: str) -> Announced:
    """Ask the hub about a file.

    Raises
    ------
    NoNetworkError, RefusedError
        The hub cannot be reached, or does not give the file.
    WeightsError
        It announces no SHA-256 or no size, without which the file cannot be checked.
    """
    endpoint = os.environ.get(ENDPOINT_VARIABLE, "").rstrip("/") or _PUBLIC
    address = f"{endpoint}/{repository}/resolve/main/{file}"
    try:
        for _ in range(_RENAMES):
            answer = requests.head(address, headers=_headers(), timeout=_TIMEOUTS_S, allow_redirects=False)
            elsewhere = answer.headers.get("Location", "")
            if not elsewhere or urlsplit(elsewhere).netloc:
                break
            address = urljoin(address, elsewhere)  # a renamed repository; other redirections lead to the file's bytes
    except requests.RequestException as error:
        raise NoNetworkError(f"{endpoint} cannot be reached: {_reason(error)}.", "Check the network.") from error
    _require_given(answer, address)
    sha256 = _bare(answer.headers.get("X-Linked-Etag") or answer.headers.get("ETag", ""))
    size = answer.headers.get("X-Linked-Size") or answer.headers.get("Content-Length", "")
    if not re.fullmatch("[0-9a-f]{64}", sha256) or not size.isdecimal():
        raise WeightsError(
            f"{address}: the hub announces no SHA-256 or no size, so that the file cannot be checked.", _LATER
        )
    return Announced(address, int(size), sha256)


def transfer(announced: Announced, part: Part, came: Callable[[int], None], restarted: Callable[[], None]) -> None:
    """Bring what is missing of a file; what has come stays when this fails on the way.

    Parameters
    ----------
    announced : Announced
        The file.
    part : Part
        Where it goes.
    came : callable
        Called with the number of bytes of each piece; may raise to stop.
    restarted : callable
        Called when all that was there has to be brought once more.

    Raises
    ------
    NoNetworkError
        The connection broke again and again.
    RefusedError
        The hub does not give the file.
    WeightsError
        The hub sends another size than it announced; nothing is kept then.
    """
    failures = 0
    while (before := part.bytes) < announced.size:
        try:
            _go_on(announced, part, came, restarted)
        except requests.RequestException as error:
            failures = 0 if part.bytes > before else failures + 1
            if failures == _TRIES:
                raise NoNetworkError(
                    f"The connection to {urlsplit(announced.address).netloc} broke: {_reason(error)}. "
                    f"{_mib(part.bytes)} of {_mib(announced.size)} MiB are kept.",
                    "Check the network, then start the download again: it goes on from there.",
                ) from error
            time.sleep(_PAUSE_S)


def _go_on(announced: Announced, part: Part, came: Callable[[int], None], restarted: Callable[[], None]) -> None:
    """Ask once for what is missing and write it as it comes."""
    have = part.bytes
    headers = _headers() | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(announced.address, headers=headers, timeout=_TIMEOUTS_S, stream=True) as answer:
        if have and answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.path.unlink()
            restarted()
            return
        _require_given(answer, announced.address)
        continued = answer.status_code == HTTPStatus.PARTIAL_CONTENT
        if have and not continued:  # the server knows no ranges
            part.path.unlink()
            restarted()
            have = 0
        if (size := _stated_size(answer, have)) is not None and size != announced.size:
            raise _lie(announced, part, size)
        with part.path.open("ab") as sink:
            for piece in answer.iter_content(_CHUNK):
                have += len(piece)
                if have > announced.size:
                    break
                sink.write(piece)
                came(len(piece))
    if have != announced.size:  # all has come, says the server
        raise _lie(announced, part, have)


def _stated_size(answer: requests.Response, have: int) -> int | None:
    """Size of the whole file as an answer states it; None when it does not."""
    if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        return int(span[2]) if span and int(span[1]) == have else -1
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _lie(announced: Announced, part: Part, size: int) -> WeightsError:
    """Throw away what has come, and say why."""
    part.path.unlink(missing_ok=True)
    sent = f"{size} or more" if size > announced.size else "another number of"
    return WeightsError(
        f"{announced.address}: {announced.size} bytes are announced, but the server sends {sent} bytes. "
        "Nothing was kept.",
        "Try again; should it happen again, do not use this server.",
    )


def _require_given(answer: requests.Response, address: str) -> None:
    """Raise what an answer of refusal means."""
    status = answer.status_code
    if status < HTTPStatus.BAD_REQUEST:
        return
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        remedy = f"Log in at the hub and accept its terms there, then set {TOKEN_VARIABLE} to an access token."
        raise RefusedError(f"{address}: the hub does not give this file to unknown users ({status}).", remedy)
    if status == HTTPStatus.NOT_FOUND:
        raise RefusedError(f"{address}: the hub has no such file (404).", "Check the name, or use a file.")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RefusedError(f"{address}: the hub refuses the request ({status}).", _LATER)
    raise RefusedError(f"{address}: the hub has a fault of its own ({status}).", _LATER)


def _headers() -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "neosegdino"}
    token = os.environ.get(TOKEN_VARIABLE)
    return headers | {"Authorization": f"Bearer {token}"} if token else headers


def _bare(tag: str) -> str:
    return tag.removeprefix("W/").strip('"')


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f}"
