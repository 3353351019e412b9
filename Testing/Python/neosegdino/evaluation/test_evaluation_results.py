from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from neosegdino.errors import OutputError
from neosegdino.evaluation import results
from neosegdino.evaluation.measures import compare
from neosegdino.evaluation.results import FILES, Evaluation, Failure, Origin, check_folder, side_rows
from neosegdino.evaluation.worst import SIDE_COLORS, Example
from neosegdino.volume import Volume

SHAPE = (20, 16, 16)


def labels(shift: int = 0, left: bool = True) -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    made[3 + shift : 7 + shift, 5:10, 5:10] = int(left)
    made[12 + shift : 16 + shift, 5:10, 5:10] = 2
    return made


def make(*found: np.ndarray, subjects: str = "abcdefgh", failures: int = 0) -> Evaluation:
    """An evaluation of results against the labels in their place."""
    rows, examples = [], []
    image = np.random.default_rng(0).normal(100, 10, SHAPE).astype(np.float32) + 200 * (labels() > 0)
    volume = Volume(image, np.diag([-1.0, 1.0, 1.0, 1.0]), "image.nii.gz")
    for number, result in enumerate(found):
        measures = {
            side: compare(labels() == value, result == value, (1, 1, 1)) for side, value in (("left", 1), ("right", 2))
        }
        rows += side_rows(f"case, {number}", subjects[number], measures, True, ("one thing", "another"))
        examples.append(Example(f"case, {number}", volume, labels(), result, measures, SIDE_COLORS))
    failed = [Failure(f"bad{n}", "z", "VolumeError", "It is bad.", "Mend it.", 3 + n) for n in range(failures)]
    return Evaluation(tuple(rows), tuple(failed), Origin(predictions="found"), tuple(examples[:4]))


def spread(found: Evaluation, side: str, measure: str) -> results.SummaryRow:
    (row,) = [row for row in found.summary() if (row.side, row.measure) == (side, measure)]
    return row


def test_summary_per_side_and_pooled() -> None:
    found = make(labels(), labels(1), labels(left=False))
    left, right, both = (spread(found, side, "dice") for side in ("left", "right", "both"))
    assert left.spread.mean == pytest.approx((1 + 0.75 + 0) / 3)
    assert right.spread.mean == pytest.approx((1 + 0.75 + 1) / 3)
    assert both.spread.mean == pytest.approx((1 + 0.75 + 0 + 1 + 0.75 + 1) / 6)
    assert (both.spread.count, both.spread.subjects, both.missing) == (6, 3, 0)


def test_what_has_no_distance_is_counted_not_dropped() -> None:
    found = make(labels(), labels(left=False), failures=2)
    row = spread(found, "left", "hd95_mm")
    assert (row.spread.count, row.missing, row.spread.mean) == (1, 1, 0)
    assert found.exit_code == 4, "that of the last failure"
    figures = {one.metric: one for one in found.accuracy("data", "command", held_out=True, note="look")}
    assert list(figures) == ["Dice, left", "Dice, right", "HD95 (mm), left", "HD95 (mm), right"]
    assert figures["Dice, left"].count == 2
    assert figures["Dice, left"].note == "look; 2 cases could not be evaluated"
    assert (
        figures["HD95 (mm), left"].note == "look; 1 more without it, a side being empty; 2 cases could not be evaluated"
    )
    assert (figures["Dice, left"].mean, figures["Dice, left"].sd) == (0.5, 0.7071)
    assert all(one.held_out and one.data == "data" and one.command == "command" for one in figures.values())


def test_accuracy_of_nothing() -> None:
    assert make(failures=1).accuracy("data", "command", held_out=False) == []


def test_files(tmp_path: Path) -> None:
    found = make(labels(), labels(1), failures=1)
    found.write(tmp_path / "deep" / "out")
    out = tmp_path / "deep" / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert [path.name for path in out.parent.iterdir()] == ["out"], "nothing is left beside it"
    with (out / "cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["case"], row["subject"], row["side"]) for row in rows[:2]] == [
        ("case, 0", "a", "left"),
        ("case, 0", "a", "right"),
    ]
    assert (rows[2]["dice"], rows[2]["hd95_mm"], rows[2]["reference_mm3"]) == ("0.75", "1", "100")
    assert rows[0]["warnings"] == "one thing | another"
    with (out / "summary.csv").open(encoding="utf-8", newline="") as stream:
        summary = list(csv.DictReader(stream))
    assert (summary[0]["side"], summary[0]["measure"], summary[0]["mean"]) == ("left", "dice", "0.875")
    document = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert document["schema"] == "neosegdino-evaluation/1"
    assert document["versions"]["monai"]
    assert document["failures"][0]["message"] == "It is bad."
    assert "Research use" in document["research_use"]
    again = msgspec.json.decode((out / "evaluation.json").read_bytes(), type=results.Document)
    assert again == found.document()


def test_distances_that_do_not_exist_are_empty_cells(tmp_path: Path) -> None:
    make(labels(left=False)).write(tmp_path / "out")
    with (tmp_path / "out" / "cases.csv").open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream))
    assert (row["dice"], row["hd95_mm"], row["volume_error_percent"]) == ("0", "", "-100")


def test_an_earlier_evaluation_is_replaced_as_a_whole(tmp_path: Path) -> None:
    make(labels()).write(tmp_path / "out")
    assert (tmp_path / "out" / "worst.png").exists()
    make(failures=1).write(tmp_path / "out")
    assert not (tmp_path / "out" / "worst.png").exists(), "the old picture shows cases that are gone"


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").touch()
    with pytest.raises(OutputError, match=r"thesis\.docx"):
        make(labels()).write(tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "thesis.docx"]
    with pytest.raises(OutputError, match="is a file"):
        check_folder(tmp_path / "out" / "thesis.docx")


def test_a_write_that_fails_leaves_the_old_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(labels()).write(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def full(*_: object) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(results, "draw_worst", full)
    with pytest.raises(OutputError):
        make(labels(1)).write(tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_text() -> None:
    text = make(labels(), labels(1), labels(left=False), subjects="aab", failures=1).text()
    lines = text.splitlines()
    assert lines[0] == "3 cases of 2 subjects; label maps in found"
    (dice,) = [line for line in lines if line.startswith("Dice")]
    assert dice.split() == ["Dice", "left", "0.583", "0.520", "0.750", "0.000", "to", "0.875", "3"]
    (distance,) = [line for line in lines if line.startswith("HD95")]
    assert distance.split()[-2:] == ["2", "1"]
    assert "Not evaluated: bad0: It is bad. Mend it." in lines
    assert "Research use" in lines[-1]
    assert max(len(line) for line in lines[2:-3]) < 100


@pytest.mark.parametrize(
    "document", [None, b"", b"\xff", b"[]", b'{"rows": []}', b'{"schema": "neosegdino-recipe/1"}', b'{"schema": 1}']
)
def test_files_that_only_bear_the_names_are_left_alone(tmp_path: Path, document: bytes | None) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "cases.csv").write_text("image,labels")
    if document is not None:
        (out / "evaluation.json").write_bytes(document)
    with pytest.raises(OutputError, match=r"holds other files, such as cases\.csv"):
        make(labels()).write(out)
    assert (out / "cases.csv").read_text() == "image,labels"


def test_a_folder_that_bears_the_name_of_a_file_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(failures=1).write(out)
    (out / "worst.png").mkdir()
    with pytest.raises(OutputError, match=r"worst\.png"):
        make(labels()).write(out)


def test_an_empty_folder_and_an_evaluation_of_another_version_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty")
    make(labels()).write(tmp_path / "out")
    path = tmp_path / "out" / "evaluation.json"
    path.write_text(path.read_text(encoding="utf-8").replace("evaluation/1", "evaluation/2"), encoding="utf-8")
    check_folder(tmp_path / "out")
