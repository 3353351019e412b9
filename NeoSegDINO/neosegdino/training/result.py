"""What a finished run leaves: a bundle with its card, its curves, and its figures on the validation cases."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from torch import Tensor

from neosegdino.bundle import CURVES, Bundle, write_bundle
from neosegdino.device import DeviceChoice
from neosegdino.errors import Cancelled
from neosegdino.evaluation.evaluate import evaluate
from neosegdino.progress import Progress
from neosegdino.spec import Accuracy, BundleSpec, DataSource
from neosegdino.training.curves import curves_picture, curves_table
from neosegdino.training.reporter import Reporter
from neosegdino.training.result_card import result_card
from neosegdino.training.run_folder import Plan, RunFolder
from neosegdino.training.student import Student
from neosegdino.training.trainer import Position

_COMMAND = "neosegdino finetune"
_NOTE = "these cases chose the weights that are kept"
_CARRIED = (".md", ".txt")
"""Licence and notices of the bundle to start from go with its encoder."""
_CARD = "CARD.md"


def write_result(
    folder: RunFolder,
    plan: Plan,
    base: Bundle,
    student: Student,
    position: Position,
    choice: DeviceChoice,
    reporter: Reporter,
) -> Bundle:
    """Write the bundle of a run, measure it on the validation cases, and write it again with the figures.

    Raises
    ------
    OutputError
        Writing failed.
    Paused, Cancelled
        Somebody asked for it; going on measures again.
    """
    best_epoch = position.best.epoch if position.best else 0

    def write(accuracy: Sequence[Accuracy]) -> Bundle:
        spec = _spec(plan, base, student, accuracy)
        texts = _carried(base) | {
            _CARD: result_card(spec, plan, base, student.start, best_epoch, accuracy),
            CURVES: curves_table(position.points),
            "curves.png": curves_picture(position.points, best_epoch),
        }
        return write_bundle(folder.bundle_of(plan), spec, _tensors(base, student), texts, replace=True)

    reporter.stage("evaluate", len(plan.validation))
    made = write([])
    accuracy = _measure(folder, plan, made, choice, reporter) if plan.validation else []
    reporter.stage("write")
    return write(accuracy)


def _measure(folder: RunFolder, plan: Plan, made: Bundle, choice: DeviceChoice, reporter: Reporter) -> list[Accuracy]:
    """Measure the whole road on the validation cases."""
    cases = [planned.case for planned in plan.validation]
    try:
        found = evaluate(
            cases, made, device=str(choice.device), progress=Progress(cancelled=reporter.asked, runs=len(cases))
        )
    except Cancelled:
        reporter.obey()
        raise
    for failure in found.failures:
        reporter.note(f"Not evaluated: {failure.text()}")
    found.write(folder.evaluation)
    return found.accuracy("validation cases of the run", _COMMAND, held_out=False, note=_NOTE)


def _spec(plan: Plan, base: Bundle, student: Student, accuracy: Sequence[Accuracy]) -> BundleSpec:
    settings, cases = plan.settings, len(plan.training)
    own = DataSource(
        name=f"{cases} own cases",
        description=f"{cases} images with reference labels, of whoever made this bundle.",
        licence="not stated",
    )
    return msgspec.structs.replace(
        student.spec,
        name=settings.name,
        version="1.0.0",
        title=f"{settings.name} (fine-tuned)",
        description=f"Fine-tuned from {base.spec.name} {base.spec.version} on {cases} own cases.",
        training_data=(*base.spec.training_data, own),
        accuracy=tuple(accuracy),
        temperature=1.0,
    )


def _tensors(base: Bundle, student: Student) -> dict[str, dict[str, Tensor]]:
    """Weights by file; the encoder's and the locator's as the bundle to start from has them."""
    spec = base.spec
    tensors = {student.spec.decoder.file: student.model.arms.state_dict()}
    if spec.encoder.weights.source == "bundle":
        tensors[spec.encoder.weights.file] = base.stored(spec.encoder.weights.file)
    if spec.locator is not None:
        tensors[spec.locator.decoder.file] = base.stored(spec.locator.decoder.file)
    return tensors


def _carried(base: Bundle) -> dict[str, str | bytes]:
    names = (name for name in base.spec.files if name.endswith(_CARRIED) and name != _CARD)
    return {name: base.path(name).read_bytes() for name in names}
