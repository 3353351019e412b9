from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from albert_folder import make_albert
from click.testing import CliRunner, Result
from neosegdino.cases.preflight import preflight
from neosegdino.cli import main
from neosegdino.errors import Cancelled, CaseError, TrainingError
from neosegdino.recipes.albert import fold_settings, run_albert, usable_cases
from neosegdino.recipes.albert_files import SUBJECTS, albert_cases, missing_files, require_files
from neosegdino.recipes.albert_options import AlbertOptions
from neosegdino.training.tuned_spec import tuned_spec
from tiny_bundle import make_tiny_bundle

T2 = AlbertOptions(contrast="T2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_albert(tmp_path_factory.mktemp("data") / "albert")


def test_finds_all_newborns(folder: Path) -> None:
    cases = albert_cases(folder, "T2")
    assert [case.subject for case in cases] == list(SUBJECTS) and len(SUBJECTS) == 20
    assert (cases[0].name, cases[-1].subject) == ("ALBERT_01_T2w", "ALBERT_20")
    assert missing_files(folder, cases) == []
    assert usable_cases(folder, T2) == (cases, [])


def test_both_contrasts_are_of_the_same_subjects(folder: Path) -> None:
    cases = albert_cases(folder, "both")
    assert len(cases) == len({case.name for case in cases}) == 40
    assert {case.subject for case in cases} == set(SUBJECTS)
    assert missing_files(folder, cases) == [f"T1/{subject}.nii.gz" for subject in SUBJECTS]


def test_missing_files_are_named_exactly(tmp_path: Path) -> None:
    folder = make_albert(tmp_path / "albert")
    (folder / "T2/ALBERT_07.nii.gz").unlink()
    (folder / "segmentations-v3/ALBERT_12.nii.gz").unlink()
    cases = albert_cases(folder, "T2")
    with pytest.raises(CaseError, match="lacks 2 files") as error:
        require_files(folder, cases)
    assert error.value.message.splitlines()[1:] == ["  T2/ALBERT_07.nii.gz", "  segmentations-v3/ALBERT_12.nii.gz"]
    kept, left_out = usable_cases(folder, T2, leave_out_bad=True)
    assert len(kept) == 18 and left_out == ["ALBERT_07_T2w", "ALBERT_12_T2w"]


@pytest.mark.parametrize("leave_out", [True, False])
def test_another_folder(tmp_path: Path, leave_out: bool) -> None:
    with pytest.raises(CaseError, match="lacks 40 files"):
        require_files(tmp_path, albert_cases(tmp_path, "T1"), leave_out=leave_out)


def test_sides_that_are_swapped_throughout_stop_the_recipe(tmp_path: Path) -> None:
    folder = make_albert(tmp_path / "albert", swapped=SUBJECTS)
    with pytest.raises(CaseError, match="In all 20 cases the sides are swapped") as error:
        usable_cases(folder, T2, leave_out_bad=True)
    assert "--exchange-sides" in error.value.remedy
    exchanged, _ = usable_cases(folder, AlbertOptions(contrast="T2", exchange_sides=True))
    assert not any(report.bad for report in preflight(exchanged[:1]))
    assert (exchanged[0].left, exchanged[0].right) == ((2,), (1,))


def test_exchanging_rightly_named_sides_stops_the_recipe(folder: Path) -> None:
    with pytest.raises(CaseError, match="In all 20 cases") as error:
        usable_cases(folder, AlbertOptions(contrast="T2", exchange_sides=True))
    assert "Leave --exchange-sides out" in error.value.remedy


def test_one_swapped_newborn_is_a_bad_case(tmp_path: Path) -> None:
    folder = make_albert(tmp_path / "albert", swapped=("ALBERT_03",))
    with pytest.raises(CaseError, match="1 of 20 cases cannot be used:\n  ALBERT_03_T2w: Sides swapped"):
        usable_cases(folder, T2)
    assert usable_cases(folder, T2, leave_out_bad=True)[1] == ["ALBERT_03_T2w"]


def test_settings_cover_the_same_field(tmp_path: Path) -> None:
    from neosegdino.bundle_store import find_bundle

    base = find_bundle(None).spec
    single, several = (fold_settings(kind, 2, T2, base.windows.size) for kind in ("single", "several"))
    for settings in (single, several):
        tuned_spec(base, settings)  # no contradiction
        assert settings.from_scratch
    assert (single.windows, single.window, single.name) == ("located", None, "albert-single-fold-2")
    assert several.windows == "all" and several.counts == (2, 2, 2) and several.window is not None
    for whole, half in zip(base.windows.size, several.window, strict=True):
        assert 0 <= 2 * half - whole < 16


def run(folder: Path, out: Path, *options: object) -> Result:
    arguments = ["recipes", "albert", str(folder), "--out", str(out), *(str(option) for option in options)]
    return CliRunner().invoke(main, arguments)


def test_errors_on_the_command_line(tmp_path: Path) -> None:
    result = run(tmp_path, tmp_path / "out", "--progress", "json")
    event = json.loads(result.stdout)
    assert (result.exit_code, event["event"], event["kind"]) == (9, "error", "CaseError")
    assert "T1/ALBERT_01.nii.gz" in result.stderr and not (tmp_path / "out").exists()


def stamps(out: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_it_goes_on_from_another_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tiny_bundle(tmp_path / "tiny")
    asked: list[str | None] = []

    def stop(fold: object, out: Path, options: AlbertOptions, part: object) -> None:
        asked.append(options.bundle)
        raise Cancelled("Cancelled.")

    monkeypatch.setattr("neosegdino.recipes.albert._run_fold", stop)
    for here in (tmp_path, folder):
        monkeypatch.chdir(here)
        data, out, bundle = (os.path.relpath(path, here) for path in (folder, tmp_path / "out", tmp_path / "tiny"))
        with pytest.raises(Cancelled):
            run_albert(data, out, AlbertOptions(contrast="T2", bundle=bundle))
    assert asked == [str(tmp_path / "tiny")] * 2


def test_from_files_to_the_table_with_an_interruption(folder: Path, tmp_path: Path) -> None:
    bundle, out = make_tiny_bundle(tmp_path / "tiny"), tmp_path / "out"
    options = AlbertOptions(contrast="T2", folds=2, epochs=1, views=1, bundle=str(bundle), device="cpu")
    first = out / "single" / "fold-1" / "evaluation" / "evaluation.json"
    with pytest.raises(Cancelled):
        run_albert(folder, out, options, cancelled=first.exists)
    before = stamps(first.parents[1])
    other = AlbertOptions(contrast="T2", folds=2, epochs=2, views=1, bundle=str(bundle), device="cpu")
    with pytest.raises(TrainingError, match="other options"):
        run_albert(folder, out, other)

    arguments = ["--contrast", "T2", "--folds", 2, "--epochs", 1, "--views", 1, "--bundle", bundle, "--device", "cpu"]
    result = run(folder, out, *arguments, "--progress", "none")
    assert result.exit_code == 0, result.output
    assert stamps(first.parents[1]) == before
    assert "single 3D window" in result.stdout and "0.65" in result.stdout and "Research use" in result.stdout

    table = json.loads((out / "table.json").read_text())
    assert [row["ours"]["count"] + 2 * row["failed"] for row in table["rows"]] == [40, 40]
    held_out = [
        {row["case"] for row in json.loads(path.read_text())["rows"]}
        for path in sorted(out.glob("single/*/evaluation/evaluation.json"))
    ]
    trained = [
        {
            planned["case"]["name"]
            for part in ("training", "validation")
            for planned in json.loads(path.read_text())[part]
        }
        for path in sorted(out.glob("single/*/run/run.json"))
    ]
    assert len(held_out) == len(trained) == 2
    assert not list(out.rglob("features/*.safetensors"))
    for tested, seen in zip(held_out, trained, strict=True):
        assert len(tested) == len(seen) == 10 and not tested & seen
    assert (out / "table.md").read_text().count("\n| ") == 4
    assert (out / "table.csv").read_text().startswith("setting,paper,count,subjects,mean")

    began = time.monotonic()
    again = run(folder, out, *arguments, "--progress", "none")
    assert again.exit_code == 0 and again.stdout == result.stdout
    assert time.monotonic() - began < 30 and first.exists()
