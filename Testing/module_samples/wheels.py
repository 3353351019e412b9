"""Small wheels, and an index of them on this computer that can be as slow as a bad network."""

from __future__ import annotations

import http.server
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 4_000_000
"""Bytes of a wheel's payload: pip tells of the progress of large files only, every quarter of a second."""


def make_wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> Path:
    """Write a wheel with one module and a payload into a folder."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{name}/payload.bin": "x" * SIZE,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


@contextmanager
def index(folder: Path, *, stalls: bool = False) -> Iterator[str]:
    """Serve the wheels of a folder as a package index; with `stalls` no download gets past its middle."""
    stop = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            *_path, last = self.path.strip("/").split("/")
            wheel = folder / last
            if wheel.suffix == ".whl":
                self._send(wheel.read_bytes(), "application/octet-stream")
                return
            found = sorted(folder.glob(f"{last.replace('-', '_')}-*.whl"))
            page = "".join(f'<a href="/files/{path.name}">{path.name}</a>\n' for path in found)
            self._send(page.encode(), "text/html")

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not stalls or kind == "text/html":
                self.wfile.write(body)
                return
            quarter = len(body) // 4
            for start in (0, quarter):
                self.wfile.write(body[start : start + quarter])
                self.wfile.flush()
                stop.wait(0.5)
            stop.wait(60)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
