from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import neosegdino
import numpy as np
import pytest
from click.testing import CliRunner, Result
from neosegdino.cli import main
from neosegdino.errors import OutputError
from neosegdino.volume import save_labels, save_volume
from oracle_bundle import make_oracle_bundle, make_view, truth, volume_on
from phantom import everywhere
from tiny_bundle import make_tiny_bundle

pytestmark = pytest.mark.usefixtures("one_thread")

GRID = make_view(spacing=(2.0, 2.0, 2.0))
ENV = {**os.environ, "PYTHONPATH": str(Path(neosegdino.__file__).parents[1])}
NAMES = ["cases.csv", "evaluation.json", "summary.csv", "worst.png"]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_oracle_bundle(tmp_path_factory.mktemp("models") / "oracle").folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two cases in a folder, with other values than 1 and 2 for the sides, and their results in another."""
    volume, labels = volume_on(GRID), truth(everywhere(GRID))
    for name in ("images", "labels", "found"):
        (tmp_path / "data" / name).mkdir(parents=True)
    values = np.array([0, 17, 53], np.uint8)
    for name in ("a", "b"):
        save_volume(tmp_path / "data" / "images" / f"{name}.nii.gz", volume)
        save_labels(tmp_path / "data" / "labels" / f"{name}.nii.gz", values[labels], volume)
        save_labels(tmp_path / "data" / "found" / f"{name}_hippocampus.nii.gz", labels, volume)
    return tmp_path / "data"


def run(source: Path, out: Path, *options: str) -> Result:
    sides = ["--left", "17", "--right", "53"]
    return CliRunner().invoke(main, ["evaluate", str(source), "--out", str(out), *sides, *options])


def of_folder(source: Path, out: Path, *options: str) -> Result:
    return run(source, out, "--predictions", str(source / "found"), *options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def events(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_bundle_over_a_folder_of_cases(oracle: Path, source: Path, tmp_path: Path) -> None:
    result = run(source, tmp_path / "out", "--bundle", str(oracle), "--device", "cpu", "--progress", "none")
    assert result.exit_code == 0, result.output
    assert names(tmp_path / "out") == NAMES
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert [row["case"] for row in document["rows"]] == ["a", "a", "b", "b"]
    assert all(row["measures"]["dice"] > 0.9 for row in document["rows"])
    assert document["origin"]["bundle"]["name"] == "oracle"
    assert "2 cases of 2 subjects; bundle oracle" in result.stdout
    assert "Research use" in result.stdout


def test_results_of_a_folder(source: Path, tmp_path: Path) -> None:
    result = of_folder(source, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "1.000" in result.stdout
    assert names(tmp_path / "out") == NAMES


def test_a_case_that_fails_is_told_and_gives_the_exit_code(source: Path, tmp_path: Path) -> None:
    (source / "found" / "a_hippocampus.nii.gz").unlink()
    result = of_folder(source, tmp_path / "out")
    assert result.exit_code == 9
    assert "Not evaluated: a: " in result.stdout
    assert "Warning: Not evaluated: a: " in result.stderr
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert [failure["case"] for failure in document["failures"]] == ["a"]
    assert {row["case"] for row in document["rows"]} == {"b"}


def test_json_lines_and_nothing_else(source: Path, tmp_path: Path) -> None:
    (source / "found" / "b_hippocampus.nii.gz").unlink()
    result = of_folder(source, tmp_path / "out", "--progress", "json")
    assert result.exit_code == 9
    told = events(result)
    fractions = [event["fraction"] for event in told if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert told[-1]["event"] == "result"
    output = told[-1]["output"]
    assert output["evaluation"]["schema"] == "neosegdino-evaluation/1"
    assert output["out"] == str(tmp_path / "out")
    assert "b_hippocampus.nii.gz" in output["warnings"][0]


def test_an_evaluation_that_exists_is_kept(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert of_folder(source, out).exit_code == 0
    before = (out / "cases.csv").read_bytes()
    save_labels(source / "found" / "a_hippocampus.nii.gz", np.zeros(GRID.shape, np.uint8), volume_on(GRID))
    result = of_folder(source, out)
    assert result.exit_code == 7
    assert "--overwrite" in result.stderr
    assert (out / "cases.csv").read_bytes() == before
    assert of_folder(source, out, "--overwrite").exit_code == 0
    assert (out / "cases.csv").read_bytes() != before


def test_a_folder_with_other_files_is_refused_before_any_work(source: Path) -> None:
    before = names(source / "found")
    result = of_folder(source, source / "found", "--overwrite")
    assert result.exit_code == 7
    assert "holds other files" in result.stderr
    assert names(source / "found") == before


def test_a_place_that_cannot_be_written_is_found_before_any_work(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("neosegdino.cli.case_options.find_cases", lambda *_: pytest.fail("work was begun"))
    result = of_folder(source, tmp_path / "file" / "deep" / "out")
    assert result.exit_code == 7
    assert "Cannot write" in result.stderr and "file" in result.stderr


def test_looking_at_the_place_leaves_nothing_there(source: Path, tmp_path: Path) -> None:
    before = names(tmp_path)
    assert of_folder(source / "absent", tmp_path / "deep" / "out").exit_code == 9
    assert names(tmp_path) == before


@pytest.mark.parametrize("progress", ["none", "json"])
def test_figures_are_shown_when_they_cannot_be_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: str
) -> None:
    """As when the disk has become full meanwhile."""

    def full(folder: Path, target: Path) -> None:
        raise OutputError(f"Cannot write {target}: No space left on device.", "Make room.")

    monkeypatch.setattr("neosegdino.evaluation.results.move_into_place", full)
    result = of_folder(source, tmp_path / "out", "--progress", progress)
    assert result.exit_code == 7
    assert "No space left" in result.stderr and "Written to" not in result.stdout
    if progress == "none":
        assert "2 cases of 2 subjects" in result.stdout and "1.000" in result.stdout
    else:
        *_, made, failed = events(result)
        assert (made["event"], made["output"]["out"]) == ("result", None)
        assert len(made["output"]["evaluation"]["rows"]) == 4
        assert (failed["event"], failed["exit_code"]) == ("error", 7)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "either --bundle or --predictions"),
        (("--bundle", "x", "--predictions", "y"), 2, "either --bundle or --predictions"),
        (("--predictions", "y", "--windows", "all"), 2, "--windows goes with --bundle"),
        (("--predictions", "absent-folder"), 9, "no folder absent-folder"),
        (("--bundle", "nothing-like-it"), 4, "No model bundle named 'nothing-like-it'"),
    ],
)
def test_wrong_use_and_errors(source: Path, tmp_path: Path, options: tuple[str, ...], code: int, message: str) -> None:
    result = run(source, tmp_path / "out", *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_csv_table_as_a_process(source: Path, tmp_path: Path) -> None:
    """Beside the installed package; one subject with two scans, so that there is no interval."""
    table = source / "cases.csv"
    table.write_text(
        "image,labels,name,subject,left,right\n"
        "images/a.nii.gz,labels/a.nii.gz,first,s1,17,53\n"
        "images/b.nii.gz,labels/b.nii.gz,second,s1,17,53\n",
        encoding="utf-8",
    )
    command = ["evaluate", str(table), "--predictions", str(source / "found"), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "neosegdino", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=ENV,
    )
    assert done.returncode == 0, done.stderr
    assert "2 cases of 1 subject" in done.stdout
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert {row["spread"]["low"] for row in document["summary"]} == {None}


def test_a_reference_of_other_values_is_a_failure_that_names_them(source: Path, tmp_path: Path) -> None:
    found = str(source / "found")
    result = CliRunner().invoke(
        main, ["evaluate", str(source), "--predictions", found, "--out", str(tmp_path / "out"), "--left", "3"]
    )
    assert result.exit_code == 9
    assert "a.nii.gz holds neither side (no voxel of the values 3, 2)" in result.stdout
    assert "--left" in result.stdout
    assert names(tmp_path / "out") == NAMES[:-1]


@pytest.mark.skipif(os.name == "nt", reason="signals end processes otherwise")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_evaluation_that_is_ended_leaves_the_old_one(source: Path, tmp_path: Path, number: signal.Signals) -> None:
    out, bundle = tmp_path / "out", make_tiny_bundle(tmp_path / "tiny")
    assert of_folder(source, out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    command = ["evaluate", str(source), "--bundle", str(bundle), "--out", str(out), "--overwrite", "--progress", "json"]
    sides = ["--left", "17", "--right", "53", "--device", "cpu"]
    program = [sys.executable, "-m", "neosegdino", *command, *sides]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENV) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "progress"
        process.send_signal(number)
        process.stdout.read()
    assert process.returncode == (130 if number == signal.SIGTERM else -number)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def write_table(path: Path) -> Path:
    lines = [f"../data/images/{name}.nii.gz,../data/labels/{name}.nii.gz" for name in ("a", "b")]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["image,labels", *lines]), encoding="utf-8")
    return path


def on_table(table: Path, source: Path, out: Path) -> Result:
    return run(table, out, "--predictions", str(source / "found"), "--overwrite", "--progress", "none")


def test_a_table_named_as_that_of_an_evaluation_is_never_replaced(source: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "study" / "cases.csv")
    before = table.read_bytes()
    result = on_table(table, source, table.parent)
    assert result.exit_code == 7
    assert "holds other files, such as cases.csv" in result.stderr
    assert table.read_bytes() == before and names(table.parent) == ["cases.csv"]


@pytest.mark.skipif(os.name == "nt", reason="making links needs a right there")
@pytest.mark.parametrize("through", ["", "link"])
def test_a_table_within_an_earlier_evaluation_is_not_replaced(source: Path, tmp_path: Path, through: str) -> None:
    study = tmp_path / "study"
    assert of_folder(source, study).exit_code == 0
    before = write_table(study / "cases.csv").read_bytes()
    (tmp_path / "link").symlink_to(study)
    result = on_table(study / "cases.csv", source, tmp_path / through if through else study)
    assert result.exit_code == 7
    assert "cases.csv is an input and lies in" in result.stderr
    assert (study / "cases.csv").read_bytes() == before and names(study) == NAMES


@pytest.mark.parametrize("kind", ["image", "labels", "predictions"])
def test_no_input_may_lie_in_the_folder_that_is_replaced(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever the folder holds: the names of files there are checked as well, but by others."""
    monkeypatch.setattr("neosegdino.evaluation.results.check_folder", lambda folder: None)
    inside = {"image": "images", "labels": "labels", "predictions": "found"}[kind]
    before = names(source / inside)
    result = of_folder(source, source / inside, "--overwrite")
    assert result.exit_code == 7
    assert "is an input and lies in" in result.stderr
    assert names(source / inside) == before


@pytest.mark.skipif(os.name == "nt", reason="making links needs a right there")
def test_a_link_to_a_folder_stays_one(source: Path, tmp_path: Path) -> None:
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    before = names(tmp_path)
    for _ in range(2):
        assert of_folder(source, tmp_path / "link", "--overwrite").exit_code == 0
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "disk" / "real") == NAMES
    assert (names(tmp_path), names(tmp_path / "disk")) == (before, ["real"])


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
@pytest.mark.parametrize("progress", ["json", "none"])
def test_names_that_are_no_utf_8_lose_nothing(source: Path, tmp_path: Path, progress: str) -> None:
    """As an old archive gives them; one of these cases is measured and one fails."""
    for name, new in (("a", os.fsdecode(b"\xe4")), ("b", os.fsdecode(b"\xf6"))):
        for part in ("images/{}", "labels/{}", "found/{}_hippocampus"):
            path = source / f"{part.format(name)}.nii.gz"
            path.rename(source / f"{part.format(new)}.nii.gz")
    (source / "found" / os.fsdecode(b"\xf6_hippocampus.nii.gz")).unlink()
    data, out = source.rename(tmp_path / os.fsdecode(b"d\xe4ta")), tmp_path / os.fsdecode(b"\xf6ut")
    result = of_folder(data, out, "--progress", progress)
    assert result.exit_code == 9, result.output
    assert names(out) == NAMES
    document = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert {row["case"] for row in document["rows"]} == {r"\udce4"}
    assert [failure["case"] for failure in document["failures"]] == [r"\udcf6"]
    assert document["origin"]["predictions"].endswith(r"d\udce4ta/found")


def test_a_name_too_long_for_a_result_does_not_stop_the_others(source: Path, tmp_path: Path) -> None:
    long = "x" * 245
    for part in ("images", "labels"):
        (source / part / "a.nii.gz").rename(source / part / f"{long}.nii.gz")
    result = of_folder(source, tmp_path / "out", "--progress", "none")
    assert result.exit_code == 9, result.output
    assert f"Not evaluated: {long}: " in result.stdout and "1 case of 1 subject" in result.stdout


@pytest.mark.skipif(os.name == "nt", reason="making links needs a right there")
def test_an_image_that_is_a_circle_of_links_does_not_stop_the_others(source: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "study" / "table.csv")
    image = source / "images" / "a.nii.gz"
    image.unlink()
    image.symlink_to(image)
    result = on_table(table, source, tmp_path / "out")
    assert result.exit_code == 3, result.output
    assert "Not evaluated: a: " in result.stdout and "1 case of 1 subject" in result.stdout
