"""Fine-tune a bundle's decoder on cases: the whole road, from cases to a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from neosegdino.bundle import Bundle, load_bundle
from neosegdino.cases.case import Case
from neosegdino.cases.loading import load_case
from neosegdino.device import DeviceChoice, line, resolve
from neosegdino.errors import OutputError, TrainingError
from neosegdino.folders import cannot_write
from neosegdino.inference import Run
from neosegdino.locks import locked
from neosegdino.progress import LogEvent, Progress
from neosegdino.training.feature_cache import FeatureCache
from neosegdino.training.plan import check_unchanged, make_plan, planned_bundle
from neosegdino.training.prepare import PreparedCase, prepare_case
from neosegdino.training.ranks import Ranks, joined
from neosegdino.training.reporter import Reporter
from neosegdino.training.result import write_result
from neosegdino.training.run_folder import Plan, RunFolder
from neosegdino.training.settings import FinetuneSettings
from neosegdino.training.student import Student, create_student
from neosegdino.training.trainer import Trainer
from neosegdino.training.views import Views


def finetune(
    training: Sequence[Case],
    validation: Sequence[Case],
    settings: FinetuneSettings,
    out: str | Path,
    *,
    progress: Progress | None = None,
    left_out: Sequence[str] = (),
) -> Bundle:
    """Fine-tune on cases; a run of the same plan that was begun in the folder goes on.

    Parameters
    ----------
    training, validation : sequence of Case
        Cases trained on, and cases that stop the training and choose the best weights; see `split_by_subject`.
    settings : FinetuneSettings
        How.
    out : str or Path
        The run's folder; see `RunFolder` for what appears in it.
    progress : Progress, optional
        Told about the work; may cancel it.
    left_out : sequence of str
        Names of bad cases that the user left out, for the record.

    Returns
    -------
    Bundle
        The fine-tuned bundle, in the run's folder.

    Raises
    ------
    CaseError, VolumeError
        Cases are missing or unsuitable.
    TrainingError
        The folder holds another run, or the run cannot go on.
    Paused, Cancelled
        Somebody asked for it; `resume` goes on.
    NeoSegDINOError
        Others as `neosegdino.errors` names them.
    """
    folder = RunFolder(out)
    plan = make_plan(training, validation, settings, left_out)
    if folder.plan_file.exists() and folder.read_plan() != plan:
        raise TrainingError(
            f"{folder.folder} holds a run of other cases or settings.", "Choose another folder, or resume that run."
        )
    try:
        folder.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder.folder, error) from error
    return _run(folder, plan, settings.device, progress or Progress(), check=False)


def resume(out: str | Path, *, device: str | None = None, progress: Progress | None = None) -> Bundle:
    """Go on with a run from its last checkpoint; a finished run gives its bundle at once.

    Parameters
    ----------
    out : str or Path
        The run's folder.
    device : str, optional
        In place of the one that the run began on; results then differ in roundings.
    progress : Progress, optional
        Told about the work; may cancel it.

    Raises
    ------
    NeoSegDINOError
        As `finetune`.
    """
    folder = RunFolder(out)
    plan = folder.read_plan()
    return _run(folder, plan, device or plan.settings.device, progress or Progress(), check=True)


def _run(folder: RunFolder, plan: Plan, device: str, progress: Progress, *, check: bool) -> Bundle:
    status = folder.read_status()
    if status is not None and status.state == "finished":
        return load_bundle(folder.bundle_of(plan))
    with joined(device) as ranks:
        reporter = _claimed(folder, plan, progress) if ranks.first else Reporter(folder, progress, active=False)
        try:
            if check:
                check_unchanged(plan)
            return _work(folder, plan, _choice(device, ranks), reporter, ranks)
        except BaseException as error:
            reporter.fail(error)
            raise


def _claimed(folder: RunFolder, plan: Plan, progress: Progress) -> Reporter:
    """Take the run for this process, of all that may want it at this moment."""
    busy = TrainingError(f"Another process is at work on {folder.folder}.", "Wait for it, or ask it to pause.")
    with ExitStack() as lock:
        with suppress(OutputError):  # on a file system without locks the status alone keeps others out
            lock.enter_context(locked(folder.folder / ".lock", busy))
        if folder.running():
            raise busy
        folder.remove_leftovers()
        folder.write_plan(plan)
        return Reporter(folder, progress)


def _choice(device: str, ranks: Ranks) -> DeviceChoice:
    if ranks.device is None:
        return resolve(device)
    return DeviceChoice(ranks.device, f"{line(ranks.device)}, {ranks.count} processes")


@dataclass(frozen=True, eq=False)
class _Material:
    """What training works on."""

    student: Student
    views: Views
    training: list[PreparedCase]
    validation: list[PreparedCase]


def _work(folder: RunFolder, plan: Plan, choice: DeviceChoice, reporter: Reporter, ranks: Ranks) -> Bundle:
    reporter.stage("check", len(plan.training) + len(plan.validation), device=choice.line)
    for note in choice.notes:
        reporter.note(note)
    bundle = planned_bundle(plan)
    material = _material(folder, plan, bundle, choice, reporter)
    cases = (material.training, material.validation)
    trainer = Trainer(material.student, material.views, *cases, plan.settings, folder, reporter, ranks)
    trainer.run()
    if ranks.first:
        made = write_result(folder, plan, bundle, material.student, trainer.position, choice, reporter)
        reporter.finish(str(made.folder))
    ranks.barrier()
    return load_bundle(folder.bundle_of(plan))


def _material(folder: RunFolder, plan: Plan, bundle: Bundle, choice: DeviceChoice, reporter: Reporter) -> _Material:
    settings = plan.settings
    student = create_student(bundle, settings, choice.device)
    # What the encoder has to say (less memory, no cache) goes into the run's status.
    findings = Progress(lambda event: reporter.note(event.message) if isinstance(event, LogEvent) else None)
    cache = FeatureCache(folder.features, int(settings.cache_gb * 1e9))
    views = Views(student, settings, cache, Run(student.spec, choice, findings))
    prepared = []
    for planned in (*plan.training, *plan.validation):
        prepared.append(prepare_case(load_case(planned.case), student.spec))
        reporter.advance()
    count = len(plan.training)
    return _Material(student, views, prepared[:count], prepared[count:])
