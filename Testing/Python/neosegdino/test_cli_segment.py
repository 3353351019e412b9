from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fake_segmentation
import nibabel as nib
import numpy as np
import pytest
from bundle_samples import NAME, make_bundle
from click.testing import CliRunner, Result
from neosegdino import folders
from neosegdino.cli import main, outputs
from neosegdino.files import sha256
from neosegdino.volume import Volume, save_volume


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neosegdino.segment", fake_segmentation.make())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("models") / NAME).folder


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return make_image(tmp_path / "sub 01 é.nii.gz")


def make_image(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    values = np.random.default_rng(0).integers(0, 500, (32, 28, 24)).astype(np.int16)
    save_volume(path, Volume(values, np.diag([1.0, 1.1, 1.2, 1.0]), path.name))
    return path


def run(bundle: Path, inputs: Sequence[Path], out: Path, *options: str) -> Result:
    paths = [str(path) for path in inputs]
    return CliRunner().invoke(main, ["segment", *paths, "--out", str(out), "--bundle", str(bundle), *options])


def events(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_files_of_one_input(bundle: Path, image: Path, tmp_path: Path) -> None:
    result = run(bundle, [image], tmp_path / "out" / "deep", "--confidence", "--progress", "none")
    assert result.exit_code == 0, result.output
    out = tmp_path / "out" / "deep"
    stem = "sub 01 é"
    parts = ("confidence.nii.gz", "hippocampus.nii.gz", "report.json", "snapshot.png")
    assert names(out) == [f"{stem}_{part}" for part in parts]
    labels = nib.load(out / f"{stem}_hippocampus.nii.gz")
    assert labels.get_data_dtype() == np.uint8
    np.testing.assert_allclose(labels.affine, nib.load(image).affine)
    assert set(np.unique(labels.dataobj)) == {0, 1, 2}
    report = json.loads((out / f"{stem}_report.json").read_text(encoding="utf-8"))
    assert report["input"]["sha256"] == sha256(image)
    assert report["input"]["source"] == image.name
    assert (out / f"{stem}_snapshot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("kind", "starts"), [("pdf", b"%PDF-"), ("html", b"<!DOCTYPE html>")])
def test_a_page_is_written_beside_the_others(
    bundle: Path, image: Path, tmp_path: Path, kind: str, starts: bytes
) -> None:
    result = run(bundle, [image], tmp_path / "out", "--report-page", kind)
    page = tmp_path / "out" / f"sub 01 é_report.{kind}"
    assert page.read_bytes().startswith(starts)
    assert f"page: {page}" in result.stdout


def test_age_and_flags_are_in_the_report_and_told(bundle: Path, image: Path, tmp_path: Path) -> None:
    result = run(bundle, [image], tmp_path / "out", "--age-weeks", "38.5", "--progress", "json")
    report = json.loads((tmp_path / "out" / "sub 01 é_report.json").read_text(encoding="utf-8"))
    assert report["age"]["weeks"] == 38.5
    assert [entry["weeks"] for entry in report["age"]["published"]] == ["37", "40 to 43"]
    assert events(result)[-1]["output"]["flags"] == report["flags"]


def test_result_is_told_on_standard_output_and_warnings_on_the_other(bundle: Path, image: Path, tmp_path: Path) -> None:
    result = run(bundle, [image], tmp_path / "out")
    assert "left 1.01 ml, right 1.01 ml" in result.stdout
    assert "sub 01 é_hippocampus.nii.gz" in result.stdout
    assert "Warning" not in result.stdout


def test_warning_of_the_work_is_told_once(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = fake_segmentation.make()
    inner = module.segment

    def warning(volume: Volume, *positional: Any, progress: Any, **others: Any) -> Any:
        progress.log("Hot voxels were clipped.", "warning")
        noted = Volume(volume.data, volume.affine, volume.source, ("Hot voxels were clipped.", "Squeezed."))
        return inner(noted, *positional, progress=progress, **others)

    monkeypatch.setattr(module, "segment", warning)
    monkeypatch.setitem(sys.modules, "neosegdino.segment", module)
    images = [image, make_image(tmp_path / "second.nii")]
    told = run(bundle, images, tmp_path / "out").stderr.splitlines()
    assert told == ["Warning: Hot voxels were clipped.", "Warning: Squeezed."] * 2


def test_json_lines_and_nothing_else(bundle: Path, image: Path, tmp_path: Path) -> None:
    result = run(bundle, [image], tmp_path / "out", "--progress", "json", "--no-snapshot")
    told = events(result)
    fractions = [event["fraction"] for event in told if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    output = told[-1]["output"]
    assert told[-1]["event"] == "result"
    assert output["input"] == str(image)
    assert (output["snapshot"], output["confidence"]) == (None, None)
    assert Path(output["labels"]).is_file()
    assert Path(output["report"]).is_file()
    assert [(row["side"], row["label"], row["confidence"]) for row in output["summary"]] == [
        ("left", 1, 0.9),
        ("right", 2, 0.8),
    ]
    assert output["warnings"] == []


def test_a_library_that_prints_does_not_disturb_the_json_lines(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = fake_segmentation.make()
    inner = module.segment
    monkeypatch.setattr(module, "segment", lambda *a, **k: print("chatter") or inner(*a, **k))
    monkeypatch.setitem(sys.modules, "neosegdino.segment", module)
    result = run(bundle, [image], tmp_path / "out", "--progress", "json")
    assert events(result)[-1]["event"] == "result"
    assert "chatter" in result.stderr


def test_bad_inputs_do_not_stop_the_others_and_the_last_error_counts(bundle: Path, image: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(b"no image")
    last = make_image(tmp_path / "last.nii")
    result = run(bundle, [tmp_path / "absent.nii", bad, image, last], tmp_path / "out", "--progress", "json")
    assert result.exit_code == 3
    kinds = [event["event"] for event in events(result) if event["event"] != "progress"]
    assert kinds == ["error", "error", "result", "result"]
    assert [event["fraction"] for event in events(result) if event["event"] == "progress"][-1] == 1.0
    assert "Error: " in result.stderr
    assert "  Remedy: " in result.stderr
    assert len(names(tmp_path / "out")) == 6


def test_existing_results_stop_everything_before_any_work(bundle: Path, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub 01 é_report.json").write_text("mine", encoding="utf-8")
    result = run(bundle, [make_image(tmp_path / "other.nii"), image], out)
    assert result.exit_code == 7
    assert "--overwrite" in result.stderr
    assert names(out) == ["sub 01 é_report.json"]
    result = run(bundle, [image], out, "--overwrite")
    assert result.exit_code == 0
    assert (out / "sub 01 é_report.json").read_text(encoding="utf-8") != "mine"
    assert len(names(out)) == 3


def test_failed_move_brings_the_old_results_back(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run(bundle, [image], out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    rename = Path.rename

    def fail_at_the_labels(self: Path, target: Path) -> Path:
        if target.name.endswith("_hippocampus.nii.gz") and not self.name.startswith("old-"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_labels)
    result = run(bundle, [image], out, "--overwrite", "--windows", "all")
    assert result.exit_code == 7
    assert "No space left on device" in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_inputs_of_one_name_are_wrong_use(bundle: Path, tmp_path: Path) -> None:
    pair = [make_image(tmp_path / "a" / "Head.nii"), make_image(tmp_path / "b" / "head.nii.gz")]
    result = run(bundle, pair, tmp_path / "out")
    assert result.exit_code == 2
    assert "same names" in result.stderr


def test_input_that_would_be_overwritten_is_wrong_use(bundle: Path, tmp_path: Path) -> None:
    images = [make_image(tmp_path / "a.nii"), make_image(tmp_path / "a_hippocampus.nii.gz")]
    result = run(bundle, images, tmp_path, "--overwrite")
    assert result.exit_code == 2
    assert "would be overwritten" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--device", "toaster"), 6, "There is no device 'toaster'"),
        (("--bundle", "nothing-like-it"), 4, "No model bundle named 'nothing-like-it'"),
        (("--windows", "some"), 2, "'some' is not one of"),
        (("--age-weeks", "7"), 2, "7.0 is not in the range"),
        (("--report-page", "doc"), 2, "'doc' is not one of"),
    ],
)
def test_errors_have_their_exit_codes(
    bundle: Path, image: Path, tmp_path: Path, *, options: tuple[str, ...], code: int, message: str
) -> None:
    result = run(bundle, [image], tmp_path / "out", *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert names(tmp_path / "out") == []


def test_errors_before_the_work_are_told_in_json_too(image: Path, tmp_path: Path) -> None:
    result = run(tmp_path / "absent", [image], tmp_path / "out", "--progress", "json")
    (event,) = events(result)
    assert (event["event"], event["kind"], event["exit_code"], result.exit_code) == ("error", "BundleError", 4, 4)


def test_place_that_is_a_file_is_an_output_error(bundle: Path, image: Path, tmp_path: Path) -> None:
    assert run(bundle, [image], image).exit_code == 7
    assert run(bundle, [image], image / "deeper").exit_code == 7


def test_package_that_does_not_load_is_a_dependency_error(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "neosegdino.segment", None)
    result = run(bundle, [image], tmp_path / "out")
    assert result.exit_code == 8
    assert "neosegdino doctor" in result.stderr


def test_leftovers_of_a_killed_run_are_removed(bundle: Path, image: Path, tmp_path: Path) -> None:
    dead = tmp_path / "out" / f".neosegdino-{folders.HOST}-{2**22 + 1}-0123456789abcdef"
    dead.mkdir(parents=True)
    (dead / "half.nii.gz").write_bytes(b"half")
    assert run(bundle, [image], tmp_path / "out").exit_code == 0
    assert not dead.exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_folder_that_may_not_be_written(bundle: Path, image: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert run(bundle, [image], tmp_path / "locked" / "out").exit_code == 7


def test_labels_appear_last(tmp_path: Path) -> None:
    (planned,) = outputs.plan([tmp_path / "a.nii"], tmp_path, snapshot=True, confidence=True, page="pdf")
    assert planned.paths[-1] == planned.labels
    assert len(planned.paths) == 5


def test_help_documents_the_exit_codes() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    for code in (*range(9), 130):
        assert f"\n    {code} " in text


LATIN_1 = os.fsdecode(b"s\xe4ugling")
"""A name as an old archive gives it: its bytes are no UTF-8."""


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
@pytest.mark.parametrize("progress", ["json", "none"])
def test_name_that_is_no_utf_8_is_as_good_as_others(bundle: Path, image: Path, tmp_path: Path, progress: str) -> None:
    strange, out = make_image(tmp_path / f"{LATIN_1}.nii"), tmp_path / f"out {LATIN_1}"
    options = ("--progress", progress, "--report-page", "pdf")
    result = run(bundle, [tmp_path / f"no {LATIN_1}", strange, image], out, *options)
    assert result.exit_code == 3 and "there is no such file" in result.stderr
    assert len(names(out)) == 8
    report = json.loads((out / f"{LATIN_1}_report.json").read_text(encoding="utf-8"))
    assert report["input"]["source"] == r"s\udce4ugling.nii"
    assert r"s\udce4ugling_hippocampus.nii.gz" in result.stdout.replace("\\\\", "\\")
    result = run(bundle, [strange], out, *options)
    assert result.exit_code == 7 and "exist already" in result.stderr


def test_input_that_vanishes_after_it_was_read_is_segmented(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, module = sha256(image), fake_segmentation.make()
    inner = module.segment
    monkeypatch.setattr(module, "segment", lambda *a, **k: image.unlink(missing_ok=True) or inner(*a, **k))
    monkeypatch.setitem(sys.modules, "neosegdino.segment", module)
    result = run(bundle, [image, make_image(tmp_path / "last.nii")], tmp_path / "out")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "sub 01 é_report.json").read_text(encoding="utf-8"))
    assert report["input"]["sha256"] == digest
    assert len(names(tmp_path / "out")) == 6


def test_input_that_vanishes_while_it_is_read_does_not_stop_the_others(
    bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanished(path: Path) -> str:
        if path == image:
            path.unlink()
        return sha256(path)

    monkeypatch.setattr("neosegdino.files.sha256", vanished)
    result = run(bundle, [image, make_image(tmp_path / "last.nii")], tmp_path / "out")
    assert result.exit_code == 3
    assert "sub 01 é.nii.gz cannot be read any more: No such file" in result.stderr
    assert len(names(tmp_path / "out")) == 3


def test_folder_that_bears_the_name_of_a_result_is_kept(bundle: Path, image: Path, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "sub 01 é_report.json" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.touch()
    result = run(bundle, [image], tmp_path / "out", "--overwrite")
    assert result.exit_code == 7
    assert "sub 01 é_report.json is no file" in result.stderr
    assert mine.exists() and names(tmp_path / "out") == [mine.parent.name]


@pytest.mark.skipif(os.name == "nt", reason="making links needs a right there")
def test_links_that_run_in_a_circle_do_not_stop_the_others(bundle: Path, image: Path, tmp_path: Path) -> None:
    (tmp_path / "circle.nii").symlink_to(tmp_path / "circle.nii")
    result = run(bundle, [tmp_path / "circle.nii", image], tmp_path / "out")
    assert result.exit_code == 3 and "there is no such file" in result.stderr
    assert len(names(tmp_path / "out")) == 3
