from __future__ import annotations

import csv
import io

from neosegdino.table import COLUMNS, as_csv, complete, row
from report_samples import make_report

# A column keeps its name and its place; new ones come at the end.
STABLE = (
    "input,date,age_weeks,left_mm3,right_mm3,asymmetry,left_confidence,right_confidence,flags,edited,"
    "spacing_x_mm,spacing_y_mm,spacing_z_mm,windows,device,method,version,bundle,bundle_version,bundle_sha256,input_sha256"
)


def test_the_columns_stay() -> None:
    assert ",".join(COLUMNS).startswith(STABLE)
    assert all(COLUMNS.values())


def test_a_row_holds_the_figures_and_how_they_were_made() -> None:
    made = row(make_report())
    assert (made["left_mm3"], made["right_mm3"], made["asymmetry"]) == ("1100", "1210", "0.0952")
    assert (made["left_confidence"], made["right_confidence"]) == ("0.876", "")
    assert (made["age_weeks"], made["flags"], made["edited"]) == ("31", "border-image", "no")
    assert [made[f"spacing_{axis}_mm"] for axis in "xyz"] == ["0.8", "0.9", "1"]
    assert (made["method"], made["version"], made["bundle"], made["bundle_version"]) == (
        "neosegdino",
        "1.2.3",
        "sample",
        "2.0",
    )


def test_what_is_not_known_is_empty() -> None:
    node = make_report(age=None, edited=True, flags=[])
    node["input"] = node["input"] | {"sha256": None}
    made = row(node)
    assert (made["age_weeks"], made["input_sha256"], made["flags"], made["edited"]) == ("", "", "", "yes")


def test_many_reports_are_read_back_by_other_programs() -> None:
    reports = [make_report(), make_report(age=None)]
    for delimiter in (",", "\t"):
        rows = list(csv.DictReader(io.StringIO(as_csv(reports, delimiter)), delimiter=delimiter))
        assert rows == [row(report) for report in reports]
        assert rows[0]["input"] == "sub-01 <T2w> & more"


def test_a_report_of_before_is_completed() -> None:
    old = {name: value for name, value in make_report().items() if name not in ("date", "age", "edited", "flags")}
    made = row(complete(old))
    assert (made["date"], made["age_weeks"], made["flags"], made["edited"]) == ("", "", "", "no")
