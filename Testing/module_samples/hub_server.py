"""A hub on this computer that gives one file, slowly or wrongly as a test wants it."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 14


@dataclass
class Hub:
    """What the server gives, and how.

    Attributes
    ----------
    content : bytes
        The file.
    address : str
        The server's address, for ``HF_ENDPOINT``.
    sha256, size : str, str
        What is announced; by default the truth.
    status : int
        Of every answer.
    sends : bytes
        What is sent; by default the content.
    length : int or None
        Length of the whole file as a GET states it; None is the true one, -1 states none.
    ranges : bool
        Whether a GET may go on in the middle.
    breaks_at : list of int
        The connection breaks at these places of the file, at each once.
    bytes_per_s : float
        Speed.
    elsewhere : bool
        Whether the file's bytes are on another host, as those of the public hub are.
    renamed : bool
        Whether the repository has got another name, as the hub tells with a redirection of its own.
    unsatisfied : bool
        Whether a GET that wants to go on in the middle is refused for its range.
    asked : list of tuple
        Method and range of every request.
    tokens : list of str
        What each request had for authorization.
    """

    content: bytes
    address: str = ""
    sha256: str = ""
    size: str = ""
    status: int = 200
    sends: bytes = b""
    length: int | None = None
    ranges: bool = True
    breaks_at: list[int] = field(default_factory=list)
    bytes_per_s: float = 1e9
    elsewhere: bool = False
    renamed: bool = False
    unsatisfied: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        self.size = str(len(self.content))
        self.sends = self.content


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve on a free port of this computer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.hub = hub  # type: ignore[attr-defined]
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined,no-any-return]

    def do_HEAD(self) -> None:
        self._note()
        if self.hub.renamed and self.path.startswith("/timm/"):
            self._send_away(307, self.path.replace("/timm/", "/renamed/"))
            return
        away = self.hub.elsewhere and self.hub.status == 200
        self.send_response(302 if away else self.hub.status)
        if away:
            self.send_header("Location", self._storage())
        self.send_header("Content-Length", self.hub.size)
        self.send_header("ETag", f'"{self.hub.sha256}"')
        if away:
            self.send_header("X-Linked-Etag", f'"{self.hub.sha256}"')
            self.send_header("X-Linked-Size", self.hub.size)
        self.end_headers()

    def do_GET(self) -> None:
        self._note()
        hub = self.hub
        if hub.elsewhere and not self.path.startswith("/storage/"):
            self._send_away(302, self._storage())
            return
        if hub.unsatisfied and "Range" in self.headers:
            self._send_away(416, "")
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(wanted[1]) if wanted and hub.ranges else 0
        whole = len(hub.sends) if hub.length is None else hub.length
        self.send_response(hub.status if hub.status != 200 else 206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{whole - 1}/{whole}")
        if whole >= 0:
            self.send_header("Content-Length", str(whole - begin))
        self.end_headers()
        if hub.status == 200:
            self._send(begin)
        self.close_connection = True

    def _send(self, begin: int) -> None:
        hub, place = self.hub, begin
        while place < len(hub.sends):
            end = min([place + PIECE, len(hub.sends), *(stop for stop in hub.breaks_at if stop > place)])
            try:
                self.wfile.write(hub.sends[place:end])
            except OSError:  # the client is gone
                return
            time.sleep((end - place) / hub.bytes_per_s)
            place = end
            if place in hub.breaks_at:
                hub.breaks_at.remove(place)
                return

    def _send_away(self, status: int, location: str) -> None:
        self.send_response(status)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _note(self) -> None:
        self.hub.asked.append((self.command, self.headers.get("Range", "")))
        self.hub.tokens.append(self.headers.get("Authorization", ""))

    def _storage(self) -> str:
        """The same server under another name: another host for the client."""
        return f"http://localhost:{self.server.server_address[1]}/storage/file"

    def log_message(self, format: str, *values: object) -> None:
        """Nothing is printed."""
