from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from neosegdino.cli import main
from neosegdino.table import as_csv
from report_samples import make_report


@pytest.fixture
def reports(tmp_path: Path) -> list[str]:
    paths = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}_report.json"
        path.write_text(json.dumps(make_report(neosegdino=name)), encoding="utf-8")
        paths.append(str(path))
    return paths


def test_one_table_of_many_reports(reports: list[str]) -> None:
    result = CliRunner().invoke(main, ["table", *reports])
    assert result.exit_code == 0
    assert [row["version"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["a", "b"]


def test_written_into_a_file(reports: list[str], tmp_path: Path) -> None:
    out = tmp_path / "cohort.csv"
    assert CliRunner().invoke(main, ["table", *reports, "--out", str(out)]).exit_code == 0
    assert out.read_text(encoding="utf-8") == as_csv([make_report(neosegdino=name) for name in "ab"])
    result = CliRunner().invoke(main, ["table", *reports, "--out", str(tmp_path / "nowhere" / "cohort.csv")])
    assert result.exit_code == 7


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema": "another/1"}', b'{"schema": "\xff"}', None])
def test_what_is_no_report_is_named_and_nothing_is_written(
    reports: list[str], tmp_path: Path, content: bytes | None
) -> None:
    bad, out = tmp_path / "bad.json", tmp_path / "cohort.csv"
    if content is not None:
        bad.write_bytes(content)
    result = CliRunner().invoke(main, ["table", *reports, str(bad), "--out", str(out)])
    assert result.exit_code == 2
    assert "bad.json" in result.stderr
    assert not out.exists()
