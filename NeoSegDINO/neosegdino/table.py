"""The figures of reports as rows of a table, in columns that stay: so that cohorts compare."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = {
    "input": "name of the file or of the node",
    "date": "when it was segmented (ISO 8601)",
    "age_weeks": "postmenstrual age, empty where it was not given",
    "left_mm3": "volume of the left hippocampus",
    "right_mm3": "volume of the right hippocampus",
    "asymmetry": "(right - left) / mean of the two",
    "left_confidence": "mean probability of the left outline's voxels, empty for an empty or an edited outline",
    "right_confidence": "the same of the right one",
    "flags": "codes of what calls for a look, separated by spaces",
    "edited": "yes where the outlines were edited and measured again",
    "spacing_x_mm": "voxel size along the first axis of the array",
    "spacing_y_mm": "along the second",
    "spacing_z_mm": "along the third",
    "windows": "located or all",
    "device": "what computed",
    "method": "neosegdino",
    "version": "of the package",
    "bundle": "name of the model bundle",
    "bundle_version": "its version",
    "bundle_sha256": "hash of its description, which holds the hashes of all its files",
    "input_sha256": "hash of the input file, empty for a node",
}
"""Name and meaning of each column, in order; later releases may add columns at the end."""


_LATER: dict[str, Any] = {"date": None, "age": None, "edited": False, "flags": []}


def complete(report: Mapping[str, Any]) -> dict[str, Any]:
    """Report with what the first ones do not hold yet."""
    return _LATER | dict(report)


def row(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the row of a report, text by column."""
    sides = {entry["side"]: entry for entry in report["hippocampus"]}
    spacing = report["input"]["spacing_mm"]
    values = {
        "input": report["input"]["source"],
        "date": report["date"],
        "age_weeks": None if report["age"] is None else report["age"]["weeks"],
        **{f"{side}_mm3": sides[side]["volume_mm3"] for side in ("left", "right")},
        "asymmetry": report["asymmetry"],
        **{f"{side}_confidence": sides[side]["confidence"] for side in ("left", "right")},
        "flags": " ".join(dict.fromkeys(flag["code"] for flag in report["flags"])),
        "edited": "yes" if report["edited"] else "no",
        **{f"spacing_{axis}_mm": side for axis, side in zip("xyz", spacing, strict=True)},
        "windows": report["windows"]["mode"],
        "device": report["device"]["name"],
        "method": "neosegdino",
        "version": report["neosegdino"],
        "bundle": report["bundle"]["name"],
        "bundle_version": report["bundle"]["version"],
        "bundle_sha256": report["bundle"]["sha256"],
        "input_sha256": report["input"]["sha256"],
    }
    return {name: _cell(values[name]) for name in COLUMNS}


def as_csv(reports: Iterable[Mapping[str, Any]], delimiter: str = ",") -> str:
    """Return a table with a header and a line for each report; a tabulator as delimiter suits a clipboard."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row(report) for report in reports)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
