from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from neosegdino import licences
from neosegdino.errors import WeightsError
from neosegdino.licences import DINOV3, read_licence


def record(home: Path) -> Path:
    return home / ".neosegdino" / "licences.json"


def test_who_accepted_which_text_when(home: Path) -> None:
    terms = read_licence(DINOV3)
    assert licences.accepted(terms) is None
    licences.accept(terms)
    found = licences.accepted(terms)
    assert found is not None
    assert found.user == psutil.Process().username()
    assert found.sha256 == terms.sha256
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(found.accepted)
    assert age < datetime.timedelta(minutes=1)


def test_accepted_once_keeps_its_record(home: Path) -> None:
    licences.accept(read_licence(DINOV3))
    before = record(home).read_bytes()
    licences.accept(read_licence(DINOV3))
    assert record(home).read_bytes() == before


def test_another_text_has_to_be_accepted_anew(home: Path) -> None:
    terms = read_licence(DINOV3)
    licences.accept(terms)
    assert licences.accepted(licences.Licence(DINOV3, terms.text + "x")) is None


def test_bare_date_of_an_early_release_does_not_count_and_is_replaced(home: Path) -> None:
    record(home).parent.mkdir(parents=True)
    record(home).write_text(f'{{"{DINOV3}": "2026-01-01", "other": "2026-01-02"}}', encoding="utf-8")
    assert licences.accepted(read_licence(DINOV3)) is None
    licences.accept(read_licence(DINOV3))
    assert licences.accepted(read_licence(DINOV3)) is not None
    assert '"other":"2026-01-02"' in record(home).read_text(encoding="utf-8")


def test_damaged_record_is_an_error(home: Path) -> None:
    record(home).parent.mkdir(parents=True)
    record(home).write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"licences\.json is damaged"):
        licences.accepted(read_licence(DINOV3))


ACCEPTING = """
import sys
sys.path[:0] = {path!r}
from neosegdino.licences import Licence, accept
for number in range(15):
    accept(Licence(f"{{sys.argv[1]}}-{{number}}", "text"))
"""


def test_processes_that_accept_at_once_lose_nothing(home: Path) -> None:
    code = ACCEPTING.format(path=sys.path)
    running = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "abc"]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    for name in "abc":
        for number in range(15):
            assert licences.accepted(licences.Licence(f"{name}-{number}", "text")) is not None
