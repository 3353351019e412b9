"""Fine-tuning from the Python console."""

from __future__ import annotations

import pytest
import slicer
from module_samples.heads import add_head, save_head, save_table
from neosegdino.cases.source import find_cases
from neosegdino.errors import CaseError, TrainingError
from neosegdino.training.run_folder import RunFolder
from NeoSegDINOLib.case_list import table_of


@pytest.fixture
def logic(module, fake_finetune):
    fake_finetune("works")
    return module.source().NeoSegDINOLogic()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "mit Leerzeichen \u00fc" / "run"


def cases_of(out):
    return {case.name: case for case in find_cases(table_of(out))}


def test_pairs_of_nodes_to_a_bundle(logic, out, slicer_scene):
    pairs = [add_head("one", seed=1), add_head("two", seed=2)]
    seen = []
    bundle = logic.finetune(pairs, out, name="mine", epochs=3, onProgress=lambda run: seen.append(run.state))
    assert bundle == str(out / "bundle" / "mine")
    assert set(cases_of(out)) == {"one", "two"}
    assert seen[0] == "starting"
    assert seen[-1] == "finished"
    assert "--name mine --epochs 3" in RunFolder(out).log_file.read_text(encoding="utf-8")


def test_named_sides(logic, out):
    volume, segmentation = add_head("one")
    for index, name in enumerate(("A", "B")):
        segmentation.GetSegmentation().GetNthSegment(index).SetName(name)
    with pytest.raises(CaseError, match="not found among A, B"):
        logic.finetune([(volume, segmentation)], out)
    assert not out.exists()
    run = logic.finetune([(volume, segmentation, {"left": "A", "right": "B"})], out, wait=False)
    assert run.working
    run.cancel()


def test_pairs_of_files(logic, out, tmp_path):
    first, second = save_head(tmp_path / "one", "x"), save_head(tmp_path / "two", "x", seed=2)
    sides = {"left": 3, "right": (4, 5)}
    run = logic.finetune([first, (second[0], str(second[1]), sides)], out, wait=False)
    run.cancel()
    assert [case.left for case in cases_of(out).values()] == [(1,), (3,)]
    assert cases_of(out)["x-2"].right == (4, 5)


def test_sides_of_files_are_values(logic, out, tmp_path):
    image, labels = save_head(tmp_path / "data", "x")
    with pytest.raises(TrainingError, match="by its values"):
        logic.finetune([(image, labels, {"left": "left", "right": 2})], out)


def test_a_table(logic, out, tmp_path):
    finished = []
    run = logic.finetune(str(save_table(tmp_path / "data", "ab")), out, wait=False, onFinished=finished.append)
    assert run.wait() == str(out / "bundle" / "fine-tuned")
    assert finished == [run]
    assert set(cases_of(out)) == {"a", "b"}


def test_bad_cases_are_left_out_only_on_request(logic, out, tmp_path):
    run = logic.finetune(save_table(tmp_path / "data", "ab", bad="b"), out, leaveOutBad=True, wait=False)
    run.wait()
    assert "--leave-out-bad" in run.log


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"epochs": 0}, "epochs"), ({"epoch": 3}, "epoch"), ({"arms": "per-window", "windows": "all"}, "fixed number")],
)
def test_settings_are_checked_before_anything_is_written(logic, out, tmp_path, settings, word):
    with pytest.raises(TrainingError, match=word):
        logic.finetune(save_table(tmp_path / "data", "ab"), out, **settings)
    assert not out.exists()


def test_cases_of_another_kind(logic, out):
    with pytest.raises(CaseError, match="A case is a pair"):
        logic.finetune([slicer.mrmlScene], out)
    with pytest.raises(CaseError, match="no such file"):
        logic.finetune("nowhere.csv", out)


def test_a_failed_run_raises(logic, out, tmp_path, fake_finetune):
    fake_finetune("fails")
    with pytest.raises(TrainingError, match="The loss is not a number"):
        logic.finetune(save_table(tmp_path / "data", "ab"), out)


def test_one_run_at_a_time(logic, out, tmp_path, fake_finetune):
    fake_finetune("waits")
    table = save_table(tmp_path / "data", "ab")
    run = logic.finetune(table, out, wait=False)
    run.poll()
    other = tmp_path / "other"
    while run.state == "starting":
        slicer.app.processEvents()
    with pytest.raises(TrainingError, match="is at work"):
        logic.finetune(table, other)
    assert not other.exists()
    run.cancel()


def test_the_panel_shows_a_run_of_the_console(logic, out, tmp_path, fake_finetune, module, slicer_scene):
    fake_finetune("waits")
    run = logic.finetune(save_table(tmp_path / "data", "ab"), out, wait=False)
    slicer_scene.wait_for(lambda: run.state == "training")
    representation = module.widgetRepresentation()
    representation.enter()
    tab = representation.self().finetuneTab
    assert tab.run.folder == out
    slicer_scene.wait_for(lambda: tab.run.state == "training")
    run.cancel()
    slicer_scene.wait_for(lambda: tab.run.state == "cancelled")
