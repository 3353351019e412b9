from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import neosegdino
import pytest
from neosegdino import hub
from neosegdino.errors import DependencyError, WeightsError

ARCHITECTURE, TAG = "vit_small_patch16_dinov3", "lvd1689m"
CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    return folder


def giving(content: bytes = CONTENT, announced: str = DIGEST) -> Callable[[str, str, Path], str]:
    def download(repository: str, name: str, target: Path) -> str:
        assert (repository, name) == (f"timm/{ARCHITECTURE}.{TAG}", "model.safetensors")
        target.write_bytes(content)
        return announced

    return download


def unreachable(repository: str, name: str, target: Path) -> str:
    target.write_bytes(CONTENT[:3])
    raise hub.NoNetworkError("ConnectError: no route to host")


def forbidden(repository: str, name: str, target: Path) -> str:
    pytest.fail("the network was used")


def fetch(download: Callable[[str, str, Path], str], *, accept: bool = True, sha256: str = "") -> Path:
    return hub.fetch(ARCHITECTURE, TAG, accept_licence=accept, expected_sha256=sha256, download=download)


def files_under(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_licence_is_named_with_its_address_and_terms() -> None:
    terms = hub.licence(ARCHITECTURE, TAG)
    assert terms.name == "dinov3-license"
    assert "https://ai.meta.com/resources/models-and-libraries/dinov3-license/" in terms.terms
    assert "only under the same licence" in terms.terms


def test_unknown_weights_name_the_known_tags() -> None:
    with pytest.raises(WeightsError, match="no published weights") as caught:
        hub.licence(ARCHITECTURE, "other")
    assert "lvd1689m" in caught.value.remedy


def test_accepted_licence_brings_the_file_and_is_remembered(home: Path) -> None:
    path = fetch(giving())
    assert path.read_bytes() == CONTENT
    assert home in path.parents
    assert hub.accepted("dinov3-license") is not None


def test_refused_licence_downloads_nothing(home: Path) -> None:
    with pytest.raises(WeightsError, match=r"licence 'dinov3-license' .* has not been accepted") as caught:
        fetch(forbidden, accept=False)
    assert f"models fetch {ARCHITECTURE}" in caught.value.remedy
    assert files_under(home) == []


def test_licence_accepted_before_need_not_be_accepted_again() -> None:
    hub.accept("dinov3-license")
    assert fetch(giving(), accept=False).is_file()


def test_damaged_record_of_acceptances_is_an_error(home: Path) -> None:
    hub.accept("dinov3-license")
    (home / ".neosegdino" / "licences.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"licences\.json is damaged"):
        hub.accepted("dinov3-license")


def test_weights_that_are_here_need_no_network() -> None:
    first = fetch(giving())
    assert fetch(forbidden, accept=False) == first


def test_no_network_names_the_offline_route_and_leaves_no_partial_file(home: Path) -> None:
    with pytest.raises(WeightsError, match="no route to host") as caught:
        fetch(unreachable)
    assert "dinov3_vits16_pretrain_lvd1689m-08c60483.pth" in caught.value.remedy
    assert '"source": "file"' in caught.value.remedy
    assert files_under(home) == ["licences.json"]


@pytest.mark.parametrize(("announced", "pin"), [(DIGEST, "0" * 64), ("0" * 64, ""), ("", "0" * 64)])
def test_wrong_hash_leaves_nothing(home: Path, announced: str, pin: str) -> None:
    with pytest.raises(WeightsError, match="damaged or altered"):
        fetch(giving(announced=announced), sha256=pin)
    assert files_under(home) == ["licences.json"]


def test_the_pin_counts_more_than_the_announcement() -> None:
    assert fetch(giving(announced="0" * 64), sha256=DIGEST).is_file()


def test_file_that_cannot_be_checked_is_not_kept(home: Path) -> None:
    with pytest.raises(WeightsError, match="announces no SHA-256"):
        fetch(giving(announced=""))
    assert files_under(home) == ["licences.json"]


def test_recorded_digest_is_enforced_later() -> None:
    path = fetch(giving())
    path.write_bytes(b"altered")
    with pytest.raises(WeightsError, match="damaged or altered"):
        fetch(forbidden)


def test_pin_given_later_is_enforced() -> None:
    fetch(giving())
    with pytest.raises(WeightsError, match=f"expected {'1' * 64}"):
        fetch(forbidden, sha256="1" * 64)


def test_file_without_its_record_is_not_trusted() -> None:
    path = fetch(giving())
    path.with_name("record.json").unlink()
    with pytest.raises(WeightsError, match="missing or damaged"):
        fetch(forbidden)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "a.b"])
def test_names_lead_nowhere(name: str) -> None:
    with pytest.raises(WeightsError, match="is no name of published weights"):
        hub.fetch(name, TAG, accept_licence=True, download=forbidden)
    with pytest.raises(WeightsError, match="is no name of published weights"):
        hub.fetch(ARCHITECTURE, name, accept_licence=True, download=forbidden)


def test_missing_huggingface_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DependencyError, match="huggingface_hub"):
        hub.from_hub("timm/a", "b", tmp_path / "c")


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for one large file; its content follows, or not."""

    status = 200

    def do_HEAD(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.send_header("ETag", f'"{DIGEST}"')
        self.send_header("X-Linked-Etag", f'"{DIGEST}"')
        self.send_header("X-Linked-Size", str(len(CONTENT)))
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *values: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def download_in_fresh_process(endpoint: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(neosegdino.__file__).parents[1])!r})\n"
        "from pathlib import Path\nfrom neosegdino import hub\n"
        "target = Path(sys.argv[1]) / 'new' / 'model.safetensors'\ntarget.parent.mkdir()\n"
        "try:\n    print(hub.from_hub('timm/some.weights', 'model.safetensors', target), target.read_bytes())\n"
        "except hub.NoNetworkError as error:\n    print('NoNetworkError', error.message)\n"
    )
    environment = {"HF_ENDPOINT": endpoint, "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1", "PATH": "/usr/bin"}
    return subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_huggingface_hub_itself_downloads_and_announces(server: str, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    done = download_in_fresh_process(server, tmp_path)
    assert done.stdout.split(maxsplit=1) == [DIGEST, f"{CONTENT!r}\n"], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("status", [404, None])
def test_huggingface_hub_itself_fails_as_no_network(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    pytest.importorskip("huggingface_hub")
    if status is not None:
        monkeypatch.setattr(Hub, "status", status)
    done = download_in_fresh_process(server if status else "http://127.0.0.1:9", tmp_path)
    assert done.stdout.startswith("NoNetworkError "), done.stderr
