from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from neosegdino.evaluation.bootstrap import Spread, summarise
from neosegdino.recipes.comparison import Comparison, ComparisonRow, comparison

VALUES = [0.6, 0.7, 0.65, 0.75, 0.5, 0.8]
SUBJECTS = ["a", "a", "b", "b", "c", "c"]


@pytest.fixture
def table() -> Comparison:
    rows = [
        ComparisonRow("single 3D window", "0.65", summarise(VALUES, SUBJECTS), 0),
        ComparisonRow("several windows", "lower", Spread(0, 0, None, None, None, None, None), 3),
    ]
    return comparison(rows, "both", 5, ["ALBERT_07_T1w"])


def test_text_is_aligned_and_says_what_it_is_of(table: Comparison) -> None:
    header, rule, single, several, *notes = table.text().splitlines()
    assert len(rule) >= len(header)
    starts = [header.index(title) for title in ("ours: mean", " n ", "newborns", "failed")]
    assert [single[start:].split()[0] for start in starts] == ["0.667", "6", "3", "0"]
    assert [several[start:].split()[0] for start in starts] == ["-", "0", "0", "3"]
    said = "\n".join(notes)
    assert "T1w and T2w" in said and "5 folds" in said and "Left out: ALBERT_07_T1w." in said and "Research use" in said


def test_files(table: Comparison, tmp_path: Path) -> None:
    table.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.json", "table.md"]
    with (tmp_path / "table.csv").open(newline="") as stream:
        single, several = csv.DictReader(stream)
    assert float(single["mean"]) == pytest.approx(4 / 6) and single["paper"] == "0.65"
    assert several["mean"] == "" and several["failed"] == "3"
    document = json.loads((tmp_path / "table.json").read_text())
    assert document["rows"][0]["ours"]["low"] <= 4 / 6 <= document["rows"][0]["ours"]["high"]
    assert document["left_out"] == ["ALBERT_07_T1w"]
    lines = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("|")]
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1
