from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
import pytest
import torch
from neosegdino.bundle import load_bundle
from neosegdino.cases.case import Case
from neosegdino.errors import Cancelled, CaseError, Paused, TrainingError
from neosegdino.progress import Progress
from neosegdino.training import finetune as road
from neosegdino.training import trainer
from neosegdino.training.finetune import finetune, resume
from neosegdino.training.run_folder import Plan, RunFolder
from neosegdino.training.settings import FinetuneSettings
from safetensors.torch import load_file
from tiny_bundle import make_tiny_bundle
from training_cases import make_cases, quick


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return make_cases(tmp_path_factory.mktemp("cases"), 4)


class AskAfter:
    """A run's own steps leave a request, as a panel would at that moment."""

    def __init__(self, folder: RunFolder, request: str, steps: int) -> None:
        self.folder, self.request, self.left = folder, request, steps

    def __call__(self, event: object) -> None:
        if getattr(event, "stage", "") == "train":
            self.left -= 1
            if self.left == 0:
                self.folder.ask(self.request)  # type: ignore[arg-type]


def decoder(run: Path) -> dict[str, torch.Tensor]:
    (found,) = (run / "bundle").iterdir()
    return load_file(found / "decoder.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


STEM = {"decoder": "stem", "decoder_options": {"channels": [4, 8, 8], "dropout": 0.2}, "rate": 5e-3}


@pytest.mark.slow
def test_learns_the_balls_of_the_phantom(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    plain = {"decoder": "stem", "decoder_options": {"channels": [8, 8, 8]}, "rate": 1e-2}
    settings = quick(bundle, **plain, epochs=25, patience=25, mirror=False)  # brightness tells the sides apart
    finetune(cases[:3], cases[3:], settings, tmp_path / "run")
    points = RunFolder(tmp_path / "run").read_curves()
    assert points[-1].loss < 0.6 * points[0].loss
    best = max(points, key=lambda point: (point.dice_left or 0) + (point.dice_right or 0))
    assert min(best.dice_left or 0, best.dice_right or 0) > 0.7


def test_leaves_all_that_a_run_promises(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    made = finetune(cases[:3], cases[3:], quick(bundle, name="mine"), run.folder)
    status = run.read_status()
    assert status is not None
    assert (status.state, status.fraction, status.epoch, status.step) == ("finished", 1.0, 3, 9)
    assert status.bundle == str(made.folder) == str(run.bundles / "mine")
    assert [point.epoch for point in run.read_curves()] == [1, 2, 3]
    assert run.look_image.is_file() and run.look_labels.is_file()
    assert {path.name for path in run.evaluation.iterdir()} >= {"cases.csv", "evaluation.json"}
    assert not run.running()
    assert [row.held_out for row in load_bundle(made.folder).spec.accuracy].count(False) >= 2


def test_the_same_seed_gives_the_same_weights(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    for name in ("one", "two"):
        finetune(cases[:3], [], quick(bundle, **STEM), tmp_path / name)
    finetune(cases[:3], [], quick(bundle, **STEM, seed=2), tmp_path / "three")
    assert same(decoder(tmp_path / "one"), decoder(tmp_path / "two"))
    assert not same(decoder(tmp_path / "one"), decoder(tmp_path / "three"))


@pytest.mark.parametrize("views", [0, 2])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_run_in_pieces_equals_a_whole_one(
    bundle: Path, cases: list[Case], tmp_path: Path, views: int, batch: int
) -> None:
    settings = quick(bundle, **STEM, views=views, batch=batch, epochs=4)
    finetune(cases[:3], cases[3:], settings, tmp_path / "whole")
    pieces = RunFolder(tmp_path / "pieces")
    with pytest.raises(Paused):
        finetune(cases[:3], cases[3:], settings, pieces.folder, progress=Progress(AskAfter(pieces, "pause", 3)))
    assert pieces.read_status().state == "paused"  # type: ignore[union-attr]
    with pytest.raises(Cancelled):
        resume(pieces.folder, progress=Progress(AskAfter(pieces, "cancel", 2)))
    assert pieces.read_status().state == "cancelled"  # type: ignore[union-attr]
    resume(pieces.folder)
    assert same(decoder(tmp_path / "whole"), decoder(tmp_path / "pieces"))
    assert pieces.read_curves() == RunFolder(tmp_path / "whole").read_curves()


def test_steps_since_the_last_checkpoint_are_repeated_as_they_were(
    bundle: Path, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies takes the steps since its checkpoint with it; here a step raises, and none is written."""
    settings = quick(bundle, **STEM, epochs=4)
    finetune(cases[:3], [], settings, tmp_path / "whole")
    original, calls = trainer.Trainer._step, iter(range(100))

    def dies(self: trainer.Trainer, batch: object) -> float:
        if next(calls) == 7:
            raise KeyError("the power went")
        return original(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer.Trainer, "_step", dies)
    with pytest.raises(KeyError):
        finetune(cases[:3], [], settings, tmp_path / "pieces")
    monkeypatch.undo()
    resume(tmp_path / "pieces")
    assert same(decoder(tmp_path / "whole"), decoder(tmp_path / "pieces"))


@pytest.mark.parametrize(
    "changes",
    [
        {"windows": "all", "window": (16, 16, 16), "counts": (2, 1, 1)},
        {"windows": "all", "window": (16, 16, 16), "counts": (2, 1, 1), "arms": "per-window"},
        {"windows": "all", "window": (16, 16, 16)},
    ],
)
def test_several_windows(bundle: Path, cases: list[Case], tmp_path: Path, changes: dict[str, object]) -> None:
    made = finetune(cases[:3], cases[3:], quick(bundle, **STEM, **changes, epochs=2), tmp_path / "run")
    assert made.spec.windows.default == "all"
    assert made.spec.windows.counts == changes.get("counts")
    points = RunFolder(tmp_path / "run").read_curves()
    assert points[-1].loss < points[0].loss


def test_stops_when_the_validation_gets_no_better(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    # So high a rate leaves nothing to gain after some epochs.
    finetune(cases[:3], cases[3:], quick(bundle, epochs=60, patience=2, rate=0.5), run.folder)
    status = run.read_status()
    assert status is not None
    assert status.epoch == status.best_epoch + 2 < 60


def test_best_weights_are_the_ones_that_are_kept(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    finetune(cases[:3], cases[3:], quick(bundle, epochs=12, patience=12, rate=0.5), run.folder)
    state = torch.load(run.checkpoint_file, weights_only=True)
    kept = decoder(run.folder)
    assert state["best"]["epoch"] < 12
    assert same(kept, state["best"]["arms"])
    assert not same(kept, state["arms"])


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint(
    bundle: Path, cases: list[Case], tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.raises(Paused):
        finetune(cases[:2], [], quick(bundle, epochs=6), run.folder, progress=Progress(AskAfter(run, "pause", 4)))
    state = torch.load(run.checkpoint_file, weights_only=True)
    next(iter(state["arms"].values())).fill_(float("nan"))
    torch.save(state, run.checkpoint_file)
    before = run.checkpoint_file.read_bytes()
    with pytest.raises(TrainingError, match="no number any more") as told:
        resume(run.folder)
    assert "--rate" in told.value.remedy
    assert run.checkpoint_file.read_bytes() == before
    status = run.read_status()
    assert status is not None
    assert (status.state, status.message) == ("failed", told.value.message)


def test_another_run_in_the_folder_is_not_touched(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    finetune(cases[:2], [], quick(bundle), tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(TrainingError, match="other cases or settings"):
        finetune(cases[:3], [], quick(bundle), tmp_path / "run")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_a_finished_run_gives_its_bundle_at_once(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    made = finetune(cases[:2], [], quick(bundle), tmp_path / "run")
    (tmp_path / "run" / "checkpoint.pt").unlink()  # nothing is trained again
    assert resume(tmp_path / "run").sha256 == made.sha256
    assert finetune(cases[:2], [], quick(bundle), tmp_path / "run").sha256 == made.sha256


def test_two_workers_on_one_run_are_impossible(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    errors: list[Exception] = []

    def second(event: object) -> None:
        if getattr(event, "stage", "") == "train" and not errors:
            try:
                resume(run.folder)
            except TrainingError as error:
                errors.append(error)

    finetune(cases[:2], [], quick(bundle), run.folder, progress=Progress(second))
    assert "Another process is at work" in str(errors[0])
    assert run.read_status().state == "finished"  # type: ignore[union-attr]


def test_lost_files_are_named(bundle: Path, tmp_path: Path) -> None:
    own = make_cases(tmp_path / "own", 2)
    run = RunFolder(tmp_path / "run")
    with pytest.raises(Paused):
        finetune(own, [], quick(bundle, epochs=9), run.folder, progress=Progress(AskAfter(run, "pause", 3)))
    Path(own[1].labels).unlink()
    before = run.read_status()
    assert before is not None and (before.state, before.step > 0) == ("paused", True)
    with pytest.raises(CaseError, match=r"case1.*case1_labels\.nii cannot be read"):
        resume(run.folder)
    assert run.read_status() == before  # a paused run that cannot go on now may go on later
    make_cases(tmp_path / "own", 2)
    assert resume(run.folder).folder.is_dir()


def test_a_run_begun_with_relative_paths_goes_on_from_another_folder(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = make_cases(tmp_path / "own", 2)
    run = RunFolder("run")

    def seen_from(folder: Path) -> tuple[list[Case], FinetuneSettings]:
        """Cases and settings as typed in a folder."""
        there = [os.path.relpath(path, folder) for case in absolute for path in (case.image, case.labels)]
        pairs = zip(absolute, there[::2], there[1::2], strict=True)
        cases = [msgspec.structs.replace(case, image=image, labels=labels) for case, image, labels in pairs]
        return cases, quick(Path(os.path.relpath(bundle, folder)), epochs=9)

    monkeypatch.chdir(tmp_path)
    cases, settings = seen_from(tmp_path)
    for _ in range(2):
        with pytest.raises(Paused):
            finetune(cases, [], settings, run.folder, progress=Progress(AskAfter(run, "pause", 3)))
        monkeypatch.chdir(tmp_path / "own")
        cases, settings = seen_from(tmp_path / "own")
        run = RunFolder(Path("..", "run"))
    assert resume(run.folder).folder.is_dir()


def test_a_finished_run_may_be_moved(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    made = finetune(cases[:2], [], quick(bundle, name="mine"), tmp_path / "run")
    sha256 = made.sha256
    (tmp_path / "run").rename(tmp_path / "archive")
    found = resume(tmp_path / "archive")
    assert (found.folder, found.sha256) == (tmp_path / "archive" / "bundle" / "mine", sha256)


def test_of_two_that_resume_at_the_same_moment_one_goes_on(
    bundle: Path, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.raises(Paused):
        finetune(cases[:2], [], quick(bundle), run.folder, progress=Progress(AskAfter(run, "pause", 3)))
    errors: list[TrainingError] = []
    original, threads = RunFolder.write_plan, list[threading.Thread]()

    def second() -> None:
        try:
            resume(run.folder)
        except TrainingError as error:
            errors.append(error)

    def between_the_look_and_the_first_status(self: RunFolder, plan: Plan) -> None:
        original(self, plan)
        if not threads:
            threads.append(threading.Thread(target=second))
            threads[0].start()
            threads[0].join(1)

    monkeypatch.setattr(RunFolder, "write_plan", between_the_look_and_the_first_status)
    resume(run.folder)
    threads[0].join(60)
    assert "Another process is at work" in str(errors[0])


def test_no_run_no_resuming(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no run\.json"):
        resume(tmp_path)


def test_cancelling_from_outside_keeps_what_was_done(bundle: Path, cases: list[Case], tmp_path: Path) -> None:
    cancelled = threading.Event()

    def at_the_fifth_step(event: object, seen: list[int] = [0]) -> None:  # noqa: B006
        seen[0] += getattr(event, "stage", "") == "train"
        if seen[0] == 5:
            cancelled.set()

    run = RunFolder(tmp_path / "run")
    with pytest.raises(Cancelled):
        finetune(cases[:3], [], quick(bundle), run.folder, progress=Progress(at_the_fifth_step, cancelled.is_set))
    assert torch.load(run.checkpoint_file, weights_only=True)["step"] >= 4
    assert run.read_status().state == "cancelled"  # type: ignore[union-attr]
    assert road.resume(run.folder).folder.is_dir()
