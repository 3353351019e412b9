"""The document that names flags, columns and published volumes says what the code says."""

from __future__ import annotations

from pathlib import Path

from neosegdino.age import PUBLISHED
from neosegdino.flags import MEANINGS
from neosegdino.table import COLUMNS

TEXT = (Path(__file__).resolve().parents[3] / "Resources" / "Tutorials" / "results.md").read_text(encoding="utf-8")


def test_every_flag_and_every_column_is_named_with_its_meaning() -> None:
    for name, meaning in {**MEANINGS, **COLUMNS}.items():
        assert f"| `{name}` | {meaning} |" in TEXT


def test_every_published_volume_is_named_with_its_source() -> None:
    for entry in PUBLISHED:
        assert f"| {entry.at} | {entry.left_ml:.2f} | {entry.right_ml:.2f} | {entry.source} |" in TEXT
