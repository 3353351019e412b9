from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from hub_fixtures import ARCHITECTURE, CONTENT, TAG, files_under
from module_samples.hub_server import Hub
from neosegdino import hub, licences, weights_store
from neosegdino.errors import Cancelled, OutputError, WeightsError
from neosegdino.progress import Event, Progress, ProgressEvent
from neosegdino.weights_store import Name
from safetensors.torch import load_file, save_file

DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = Name(ARCHITECTURE, TAG)
KEPT = ["licences.json"]
PIECE = 1 << 16  # what is read at once


def fetch(progress: Progress | None = None) -> Path:
    return hub.fetch(ARCHITECTURE, TAG, accept_licence=False, progress=progress)


def test_licence_is_shown_in_full_with_its_address() -> None:
    terms = hub.licence(ARCHITECTURE, TAG)
    assert terms.address == "https://ai.meta.com/resources/models-and-libraries/dinov3-license/"
    assert "you may only do so under the terms of this Agreement" in terms.text
    assert "courts of California" in terms.text


def test_licence_of_other_weights_is_named() -> None:
    terms = hub.licence("vit_tiny_patch16_224", "augreg_in21k")
    assert terms.name == "apache-2.0"
    assert "'apache-2.0'" in terms.text


def test_unknown_weights_name_the_known_tags() -> None:
    with pytest.raises(WeightsError, match="no published weights") as caught:
        hub.licence(ARCHITECTURE, "other")
    assert "lvd1689m" in caught.value.remedy


def test_accepted_licence_brings_the_file_and_is_remembered(home: Path, hub_server: Hub) -> None:
    path = hub.fetch(ARCHITECTURE, TAG, accept_licence=True)
    assert path.read_bytes() == CONTENT
    assert home in path.parents
    assert licences.accepted(hub.licence(ARCHITECTURE, TAG)) is not None
    record = weights_store.read_record(NAME)
    assert (record.sha256, record.repository, record.licence) == (DIGEST, f"timm/{NAME}", "dinov3-license")
    assert files_under(home) == ["licences.json", "model.safetensors", "record.json"]


def test_refused_licence_asks_the_hub_for_nothing(home: Path, hub_server: Hub) -> None:
    with pytest.raises(WeightsError, match=r"licence 'dinov3-license' .* has not been accepted") as caught:
        fetch()
    assert f"models fetch {ARCHITECTURE}" in caught.value.remedy
    assert files_under(home) == []
    assert hub_server.asked == []


def test_weights_that_are_here_need_no_network(agreed: None, hub_server: Hub) -> None:
    first = fetch()
    asked = list(hub_server.asked)
    assert fetch() == first
    assert hub_server.asked == asked


def test_a_broken_connection_goes_on_where_it_broke(agreed: None, hub_server: Hub) -> None:
    hub_server.breaks_at = [2 * PIECE, 5 * PIECE]
    assert fetch().read_bytes() == CONTENT
    ranges = [asked for method, asked in hub_server.asked if method == "GET"]
    assert ranges == ["", f"bytes={2 * PIECE}-", f"bytes={5 * PIECE}-"]


def test_a_server_without_ranges_sends_all_once_more(agreed: None, hub_server: Hub) -> None:
    hub_server.breaks_at, hub_server.ranges = [2 * PIECE], False
    assert fetch().read_bytes() == CONTENT


def test_a_server_that_refuses_the_range_is_asked_for_all(agreed: None, hub_server: Hub) -> None:
    hub_server.breaks_at, hub_server.unsatisfied = [2 * PIECE], True
    assert fetch().read_bytes() == CONTENT
    assert [asked for _method, asked in hub_server.asked] == ["", "", f"bytes={2 * PIECE}-", ""]


def test_a_renamed_repository_is_followed(agreed: None, hub_server: Hub) -> None:
    hub_server.renamed = True
    assert fetch().read_bytes() == CONTENT


def test_bytes_from_another_host_never_see_the_token(
    agreed: None, hub_server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    hub_server.elsewhere = True
    assert fetch().read_bytes() == CONTENT
    assert hub_server.tokens == ["Bearer secret", "Bearer secret", ""]


def test_a_dead_server_keeps_what_came_and_the_next_call_goes_on(
    agreed: None, home: Path, hub_server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_server.breaks_at = [2 * PIECE]
    hub_server.length = len(CONTENT)
    whole, hub_server.sends = hub_server.sends, CONTENT[: 2 * PIECE]  # nothing comes after that place
    with pytest.raises(WeightsError, match=r"0\.1 of 0\.5 MiB are kept") as caught:
        fetch()
    assert "it goes on from there" in caught.value.remedy
    assert "dinov3_vits16_pretrain_lvd1689m-08c60483.pth" in caught.value.remedy
    (part,) = weights_store.begun(NAME)
    assert part.path.read_bytes() == CONTENT[: 2 * PIECE]
    hub_server.sends, hub_server.asked = whole, []
    assert fetch().read_bytes() == CONTENT
    assert hub_server.asked == [("HEAD", ""), ("GET", f"bytes={2 * PIECE}-")]
    assert files_under(home) == ["licences.json", "model.safetensors", "record.json"]


def test_no_network_names_the_offline_route(agreed: None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(WeightsError, match="cannot be reached") as caught:
        fetch()
    assert f"models use-file {ARCHITECTURE}" in caught.value.remedy
    assert files_under(home) == KEPT


LIES = {
    "longer than announced": {"size": "1000"},
    "shorter than announced": {"size": str(len(CONTENT) + 1)},
    "states less than it sends, and announced that": {"size": "1000", "length": 1000},
    "states nothing and sends more": {"length": -1, "sends": CONTENT + b"more"},
    "states nothing and sends less": {"length": -1, "sends": CONTENT[:-1]},
    "other bytes": {"sends": CONTENT[:-1] + b"x"},
}


@pytest.mark.parametrize("how", LIES)
def test_a_lying_server_leaves_nothing(agreed: None, home: Path, hub_server: Hub, how: str) -> None:
    for name, value in LIES[how].items():
        setattr(hub_server, name, value)
    with pytest.raises(WeightsError, match="Nothing was kept") as caught:
        fetch()
    assert "should it happen again, do not use" in caught.value.remedy
    assert files_under(home) == KEPT


@pytest.mark.parametrize(("sha256", "size"), [("short", "5"), (DIGEST, "")])
def test_a_file_that_cannot_be_checked_is_not_brought(
    agreed: None, home: Path, hub_server: Hub, sha256: str, size: str
) -> None:
    hub_server.sha256, hub_server.size = sha256, size
    with pytest.raises(WeightsError, match="cannot be checked"):
        fetch()
    assert files_under(home) == KEPT
    assert [method for method, _range in hub_server.asked] == ["HEAD"]


REFUSALS = {401: "HF_TOKEN", 403: "HF_TOKEN", 404: "Check the name", 429: "Try again later", 500: "Try again later"}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_says_why_and_what_to_do(agreed: None, home: Path, hub_server: Hub, status: int) -> None:
    hub_server.status = status
    with pytest.raises(WeightsError, match=rf"\({status}\)") as caught:
        fetch()
    assert REFUSALS[status] in caught.value.remedy
    assert files_under(home) == KEPT


def test_what_is_published_anew_is_not_mixed_with_what_came_before(agreed: None, home: Path, hub_server: Hub) -> None:
    old = weights_store.part_of(NAME, 1000, "0" * 64)
    old.path.parent.mkdir(parents=True)
    old.path.write_bytes(b"of the old file")
    assert fetch().read_bytes() == CONTENT
    assert not old.path.exists()


def test_a_full_disk_is_told_before_the_first_byte(
    agreed: None, hub_server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_server.size = str(1 << 60)
    with pytest.raises(WeightsError, match="are needed"):
        fetch()
    assert [method for method, _range in hub_server.asked] == ["HEAD"]


def test_progress_is_honest_and_stops_the_download(agreed: None, hub_server: Hub) -> None:
    events: list[Event] = []
    with pytest.raises(Cancelled):
        fetch(Progress(events.append, lambda: len(events) > 4))
    (part,) = weights_store.begun(NAME)
    kept = part.bytes
    assert 0 < kept < len(CONTENT)
    events.clear()
    fetch(Progress(events.append))
    fractions = [event.fraction for event in events if isinstance(event, ProgressEvent)]
    assert fractions == sorted(fractions)
    assert fractions[0] == pytest.approx(kept / len(CONTENT), abs=0.02)
    assert fractions[-1] > 0.9


KILLED = """
import sys
sys.path[:0] = {path!r}
from neosegdino import hub
hub.fetch({architecture!r}, {tag!r}, accept_licence=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_download_goes_on(agreed: None, hub_server: Hub) -> None:
    hub_server.bytes_per_s = 200_000
    code = KILLED.format(path=sys.path, architecture=ARCHITECTURE, tag=TAG)
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not (begun := weights_store.begun(NAME)) or begun[0].bytes < 100_000:
            assert process.poll() is None
            time.sleep(0.02)
        for act in (fetch, lambda: hub.remove(ARCHITECTURE, TAG), lambda: hub.discard(ARCHITECTURE, TAG)):
            with pytest.raises(WeightsError, match="Another process is bringing"):
                act()
        process.send_signal(signal.SIGKILL)
    hub_server.bytes_per_s, hub_server.asked = 1e9, []
    assert fetch().read_bytes() == CONTENT
    assert hub_server.asked[1][1].startswith("bytes=")


@pytest.fixture(scope="module")
def small_vit() -> dict[str, torch.Tensor]:
    """Random weights of the right shapes, in half precision, in timm's names."""
    from neosegdino import backbone

    torch.manual_seed(0)
    state = backbone.build(ARCHITECTURE, 3, {}).state_dict()
    return {name: tensor.half() for name, tensor in state.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_downloaded_file_takes_their_place(
    agreed: None, tmp_path: Path, small_vit: dict[str, torch.Tensor], suffix: str
) -> None:
    source = tmp_path / f"downloaded{suffix}"
    save_file(small_vit, source) if suffix == ".safetensors" else torch.save(small_vit, source)
    path = hub.use_file(ARCHITECTURE, TAG, source, accept_licence=False)
    assert path == weights_store.find(NAME) == fetch()
    brought = load_file(path)
    assert all(torch.equal(brought[name], tensor) for name, tensor in small_vit.items())
    assert weights_store.read_record(NAME).repository == f"file downloaded{suffix}"


def test_a_file_of_other_weights_leaves_the_good_ones(
    agreed: None, home: Path, hub_server: Hub, tmp_path: Path, small_vit: dict[str, torch.Tensor]
) -> None:
    good = fetch()
    source = tmp_path / "downloaded.safetensors"
    save_file({name: tensor for name, tensor in small_vit.items() if not name.startswith("blocks.3.")}, source)
    with pytest.raises(WeightsError, match="does not fit"):
        hub.use_file(ARCHITECTURE, TAG, source, accept_licence=False)
    assert good.read_bytes() == CONTENT
    assert weights_store.find(NAME) == good
    assert files_under(home) == ["licences.json", "model.safetensors", "record.json"]


def test_a_full_disk_leaves_the_good_ones(
    agreed: None,
    home: Path,
    hub_server: Hub,
    tmp_path: Path,
    small_vit: dict[str, torch.Tensor],
    full_disk: Callable[[], AbstractContextManager[None]],
) -> None:
    good = fetch()
    save_file(small_vit, tmp_path / "downloaded.safetensors")
    with full_disk(), pytest.raises(OutputError, match="File too large"):
        hub.use_file(ARCHITECTURE, TAG, tmp_path / "downloaded.safetensors", accept_licence=False)
    assert good.read_bytes() == CONTENT
    assert files_under(home) == ["licences.json", "model.safetensors", "record.json"]


def test_a_file_needs_the_licence_too(home: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="has not been accepted"):
        hub.use_file(ARCHITECTURE, TAG, tmp_path / "file.safetensors", accept_licence=False)
