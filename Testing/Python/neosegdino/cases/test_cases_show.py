from __future__ import annotations

from neosegdino.cases.case_report import CaseReport, Problem, SideVolumes
from neosegdino.cases.show import table

GOOD = CaseReport(
    *("case-1", "case-1", "a.nii", "b.nii"),
    shape=(122, 176, 130),
    spacing_mm=(0.8, 0.8, 0.8),
    axis_codes=("R", "A", "S"),
    label_values=(1, 2),
    volume_mm3=SideVolumes(873.4, 1199.5),
    contrast="T2w",
)
ODD = CaseReport(*("b", "b", "a.nii", "b.nii"), problems=(Problem("header", "Something odd.", "Look.", False),))
BAD = CaseReport(
    *("c", "s-3", "a.nii", "b.nii"),
    spacing_mm=(0.86, 0.86, 1.2),
    label_values=(1, 2, 3, 4, 5),
    problems=(
        Problem("missing", f"There is no file {'/a-very-long-folder' * 4}/x.nii and more words follow.", "Go.", True),
        Problem("header", "Odd.", "", False),
    ),
)


def test_columns_are_aligned() -> None:
    lines = table([GOOD, BAD]).splitlines()
    header, rule, good, bad = lines[:4]
    for name, value in (("case", "case-1"), ("voxels", "122x176x130"), ("axes", "RAS"), ("labels", "1,2")):
        assert header.index(name) == good.index(value)
    assert header.index("left mm3") + len("left mm3") == good.index("873") + len("873")
    assert len(good) == len(bad) == len(rule) == len(header)
    assert bad.startswith("x  c ") and "0.86 x 0.86 x 1.2" in bad and "1,2,3,4,..." in bad and " s-3 " in bad
    assert good.startswith("   case-1 ") and " 0.8 " in good and "T2w" in good


def test_subjects_are_shown_where_they_say_more_than_the_names() -> None:
    assert "subject" not in table([GOOD, ODD]).splitlines()[0]
    assert "subject" in table([GOOD, BAD]).splitlines()[0]


def test_problems_stand_below_with_what_to_do() -> None:
    text = table([GOOD, ODD, BAD], width=60)
    below = text.split("\n\n", 1)[1]
    assert "case-1" not in below
    assert "b\n  ! Something odd.\n    -> Look." in below
    assert "/a-very-long-folder" * 4 + "/x.nii" in below  # whole, to be copied
    assert "    -> Go.\n  ! Odd.\n" in below
    assert all(len(line) <= 60 or "/" in line for line in below.splitlines()[:-1])


def test_last_line_counts() -> None:
    assert table([GOOD]).endswith("1 case of 1 subject: all can be used.")
    last = table([GOOD, ODD, BAD]).splitlines()[-1]
    assert last.startswith("3 cases of 3 subjects: 2 can be used, 1 cannot (marked x).") and "--leave-out-bad" in last
