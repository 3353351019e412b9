from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from bundle_samples import edit_manifest
from neosegdino.bundle import Bundle
from neosegdino.cases.case import Case
from neosegdino.errors import BundleError, CaseError, TrainingError
from neosegdino.files import sha256
from neosegdino.training.plan import check_unchanged, make_plan, planned_bundle
from neosegdino.training.run_folder import RunFolder
from tiny_bundle import make_tiny_bundle
from training_cases import make_cases, quick


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    return make_cases(tmp_path / "cases", 3)


def test_a_plan_holds_all_that_the_run_depends_on(tiny: Bundle, cases: list[Case], tmp_path: Path) -> None:
    settings = quick(tiny.folder)
    plan = make_plan(cases[:2], cases[2:], settings, ["bad"])
    assert [planned.case for planned in plan.training] == cases[:2]
    assert [planned.case for planned in plan.validation] == cases[2:]
    assert plan.settings == settings and plan.left_out == ("bad",)
    assert plan.training[1].image_sha256 == sha256(cases[1].image)
    assert plan.training[1].labels_sha256 == sha256(cases[1].labels)
    assert (plan.bundle_folder, plan.bundle_sha256) == (str(tiny.folder.resolve()), tiny.sha256)
    folder = RunFolder(tmp_path)
    folder.write_plan(plan)
    assert folder.read_plan() == plan
    check_unchanged(plan)
    assert planned_bundle(plan).sha256 == tiny.sha256


def test_names_that_no_plan_can_hold(tiny: Bundle, cases: list[Case]) -> None:
    wrong = msgspec.structs.replace(cases[0], image="s\udce4ugling.nii")
    with pytest.raises(CaseError, match=r"s\\udce4ugling\.nii has letters that are no UTF-8"):
        make_plan([wrong, *cases[1:]], [], quick(tiny.folder))


def test_the_bundle_is_found_from_another_folder(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_tiny_bundle(tmp_path / "here" / "tiny")
    monkeypatch.chdir(made.parent)
    plan = make_plan(cases, [], quick(Path("./tiny")))
    monkeypatch.chdir(tmp_path)
    assert planned_bundle(plan).folder == made.resolve()
    assert make_plan(cases, [], quick(Path("here/tiny"))) == plan


def test_a_bundle_of_the_store_keeps_its_name(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEOSEGDINO_MODELS", str(make_tiny_bundle(tmp_path / "store" / "tiny").parent))
    assert make_plan(cases, [], quick(Path("tiny"))).settings.bundle == "tiny"


def test_cases_are_found_from_another_folder_by_the_links_that_were_given(
    tiny: Bundle, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "linked").symlink_to(tmp_path / "cases")
    monkeypatch.chdir(tmp_path / "cases")
    given = [
        msgspec.structs.replace(case, image=Path(case.image).name, labels=f"../linked/{Path(case.labels).name}")
        for case in cases
    ]
    plan = make_plan(given[:2], given[2:], quick(tiny.folder))
    monkeypatch.chdir(tmp_path)
    check_unchanged(plan)
    planned = [planned.case for planned in (*plan.training, *plan.validation)]
    assert [case.image for case in planned] == [case.image for case in cases]
    assert planned[0].labels == str(tmp_path / "linked" / "case0_labels.nii")


@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("role", ["training", "validation"])
def test_a_changed_file_is_named(tiny: Bundle, cases: list[Case], kind: str, role: str) -> None:
    split = (cases, []) if role == "training" else (cases[:1], cases[1:])
    plan = make_plan(*split, quick(tiny.folder))
    path = Path(getattr(cases[1], kind))
    content, stamp = bytearray(path.read_bytes()), path.stat()
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # neither size nor date tell
    with pytest.raises(CaseError, match=rf"Case case1: .*{path.name} has changed") as told:
        check_unchanged(plan)
    assert told.value.remedy


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_a_missing_file_is_named(tiny: Bundle, cases: list[Case], kind: str) -> None:
    plan = make_plan(cases, [], quick(tiny.folder))
    path = Path(getattr(cases[2], kind))
    path.unlink()
    for work in (lambda: check_unchanged(plan), lambda: make_plan(cases, [], quick(tiny.folder))):
        with pytest.raises(CaseError, match=rf"Case case2: .*{path.name} cannot be read: No such file") as told:
            work()
        assert told.value.remedy


def test_another_bundle_at_its_place_is_refused(cases: list[Case], tmp_path: Path) -> None:
    folder = make_tiny_bundle(tmp_path / "tiny")
    plan = make_plan(cases, [], quick(folder))
    edit_manifest(folder, "version", value="2.0.0")
    with pytest.raises(TrainingError, match=r"tiny is not the one that the run began with") as told:
        planned_bundle(plan)
    assert told.value.remedy


def test_a_bundle_that_is_gone_or_damaged_is_named(cases: list[Case], tmp_path: Path) -> None:
    folder = make_tiny_bundle(tmp_path / "tiny")
    plan = make_plan(cases, [], quick(folder))
    weights = bytearray((folder / "decoder.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "decoder.safetensors").write_bytes(weights)
    with pytest.raises(BundleError, match=r"decoder\.safetensors"):
        planned_bundle(plan)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="tiny"):
        planned_bundle(plan)


def test_names_are_unique_over_training_and_validation(tiny: Bundle, cases: list[Case]) -> None:
    twin = msgspec.structs.replace(cases[2], name="case0")
    for split in (([*cases[:2], twin], []), (cases[:2], [twin])):
        with pytest.raises(CaseError, match="Several cases have the name case0"):
            make_plan(*split, quick(tiny.folder))


def test_nothing_to_train_on(tiny: Bundle, cases: list[Case]) -> None:
    with pytest.raises(CaseError, match="no cases to train on"):
        make_plan([], cases, quick(tiny.folder))


def test_contradicting_settings_are_found_before_any_work(tiny: Bundle, cases: list[Case]) -> None:
    with pytest.raises(TrainingError, match="fixed number of windows"):
        make_plan(cases, [], quick(tiny.folder, arms="per-window"))
