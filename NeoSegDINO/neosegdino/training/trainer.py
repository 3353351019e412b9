"""The loop: epochs of two-pass steps, validation, checkpoints. What was done before a stop is never done differently.

Random numbers depend on the seed and on what they are drawn for (`seeds`), never on what was drawn before. So a run
that is stopped at any moment and goes on from its last checkpoint repeats the lost steps as they were.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import msgspec
import torch
from torch import Tensor, nn

from neosegdino.errors import Cancelled, DeviceError, TrainingError
from neosegdino.training.checkpoint import State, read_checkpoint, write_checkpoint
from neosegdino.training.losses import dice_and_cross_entropy
from neosegdino.training.optimise import Schedule
from neosegdino.training.prepare import PreparedCase
from neosegdino.training.ranks import ALONE, Ranks
from neosegdino.training.reporter import Reporter
from neosegdino.training.run_folder import CurvePoint, RunFolder
from neosegdino.training.scores import OUTSIDE, dice_of, whole_scores, window_scores
from neosegdino.training.seeds import seed_of
from neosegdino.training.settings import FinetuneSettings
from neosegdino.training.student import Student
from neosegdino.training.two_pass import Decode, two_pass_step
from neosegdino.training.views import Sample, Views
from neosegdino.windows import reassemble

CHECKPOINT_EVERY_S = 20.0
"""Beside the checkpoint at the end of each epoch."""
_GRADIENT_NORM = 1.0


@dataclass
class Best:
    """The decoder that validated best so far."""

    epoch: int
    dice: float
    loss: float
    arms: dict[str, Tensor]


@dataclass
class Position:
    """How far a run is; the optimiser's state and the weights beside it."""

    step: int = 0
    epoch: int = 0
    place: int = 0
    """Cases of the present epoch that are done."""
    losses: list[float] = field(default_factory=list)
    """Losses of the present epoch's steps."""
    points: list[CurvePoint] = field(default_factory=list)
    best: Best | None = None


class Trainer:
    """Trains the arms of a student.

    Parameters
    ----------
    student : Student
        The model; its arms are trained.
    views : Views
        Gives the samples.
    training, validation : sequence of PreparedCase
        The cases. Without validation cases all epochs are done and the last weights count.
    settings : FinetuneSettings
        How long, how fast, which seed.
    folder : RunFolder
        Takes checkpoint and curves.
    reporter : Reporter
        Told about every step.
    ranks : Ranks
        Processes that share the windows.
    """

    def __init__(
        self,
        student: Student,
        views: Views,
        training: Sequence[PreparedCase],
        validation: Sequence[PreparedCase],
        settings: FinetuneSettings,
        folder: RunFolder,
        reporter: Reporter,
        ranks: Ranks = ALONE,
    ) -> None:
        self.arms = student.model.arms
        self.position = Position()
        self._views, self._training, self._validation = views, training, validation
        self._settings, self._folder, self._reporter, self._ranks = settings, folder, reporter, ranks
        self._parameters = [p for p in self.arms.parameters() if p.requires_grad]
        self._device = self._parameters[0].device
        self._loss = dice_and_cross_entropy()
        steps_per_epoch = math.ceil(len(training) / settings.batch)
        self._schedule = Schedule(
            settings.epochs * steps_per_epoch, settings.rate, settings.warmup, settings.weight_decay
        )
        self._optimiser = torch.optim.AdamW(self._parameters, lr=settings.rate, weight_decay=settings.weight_decay)
        self._saved = time.monotonic()

    def run(self) -> None:
        """Train to the end, or from the checkpoint to the end; the arms then hold the best weights.

        Raises
        ------
        Paused, Cancelled
            Somebody asked for it; the checkpoint holds every step done.
        TrainingError
            The loss is no number any more, the checkpoint is damaged, or another rank ended.
        DeviceError
            The memory does not suffice for one window.
        OutputError
            A checkpoint cannot be written; the one before is kept.
        """
        self._resume()
        self.arms.train()
        self._report_stage()
        try:
            while not self._over():
                self._epoch()
        except Cancelled:
            self._save()
            raise
        except torch.OutOfMemoryError as error:
            raise _too_little_memory() from error
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise _too_little_memory() from error
            raise
        if self.position.best is not None:
            self.arms.load_state_dict(self.position.best.arms)
        self.arms.eval()

    def _over(self) -> bool:
        position, best = self.position, self.position.best
        waited = position.epoch - best.epoch if best else 0
        return position.epoch >= self._settings.epochs or waited >= self._settings.patience

    def _epoch(self) -> None:
        position, settings = self.position, self._settings
        order = self._order(position.epoch)
        while position.place < len(order):
            batch = order[position.place : position.place + settings.batch]
            position.losses.append(self._step([self._training[number] for number in batch]))
            position.place += len(batch)
            position.step += 1
            if self._ranks.first and time.monotonic() - self._saved > CHECKPOINT_EVERY_S:
                self._save()
            self._report_step()
        self._close_epoch()

    def _order(self, epoch: int) -> list[int]:
        order = list(range(len(self._training)))
        Random(seed_of(self._settings.seed, "order", epoch)).shuffle(order)
        return order

    def _step(self, batch: Sequence[PreparedCase]) -> float:
        """Take one step on the mean loss of some cases; return it."""
        rate = self._schedule.rate_at(self.position.step)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        total = sum(self._case_step(case, len(batch)) for case in batch)
        self._ranks.sum_gradients(self._parameters)
        norm = nn.utils.clip_grad_norm_(self._parameters, _GRADIENT_NORM)
        if not math.isfinite(total) or not bool(torch.isfinite(norm)):
            raise self._no_number(", ".join(case.name for case in batch))
        self._optimiser.step()
        return total

    def _case_step(self, case: PreparedCase, share: int) -> float:
        sample = self._views.training(case, self.position.epoch)
        decode = self._decode(sample, case.name)

        def loss(scores: Tensor, target: Tensor) -> Tensor:
            return self._loss(scores, target) / share

        together = self.arms.together()
        value, _ = two_pass_step(decode, sample.cut, sample.target, loss, OUTSIDE, self._ranks, together)
        return float(value)

    def _decode(self, sample: Sample, name: str) -> Decode:
        """Scores of windows; what dropout draws depends on the step and the window, not on the pass or the rank."""

        def decode(positions: Sequence[int]) -> Tensor:
            torch.manual_seed(seed_of(self._settings.seed, "dropout", self.position.step, name, *positions))
            return window_scores(self.arms, sample, positions)

        return decode

    def _close_epoch(self) -> None:
        position = self.position
        measured = [self._validate(case) for case in self._validation]
        loss, left, right = (_mean([row[column] for row in measured]) for column in range(3))
        position.epoch += 1
        position.points.append(
            CurvePoint(
                position.epoch,
                position.step,
                self._schedule.rate_at(max(0, position.step - 1)),
                sum(position.losses) / len(position.losses),
                loss,
                left,
                right,
            )
        )
        position.losses, position.place = [], 0
        self._keep_best(loss, _mean([left, right]))
        self._save()
        self._look()
        self._reporter.tell(**self._where())

    def _keep_best(self, loss: float | None, dice: float | None) -> None:
        """Keep the weights if they validate better: by Dice, and by the loss while Dice tells nothing yet."""
        best = self.position.best
        if loss is None or dice is None or (best and (dice, -loss) <= (best.dice, -best.loss)):
            return
        arms = {name: tensor.detach().clone() for name, tensor in self.arms.state_dict().items()}
        self.position.best = Best(self.position.epoch, dice, loss, arms)

    @torch.no_grad()
    def _validate(self, case: PreparedCase) -> tuple[float | None, float | None, float | None]:
        """Loss, and Dice of left and right on the model's grid; None for a side that the case does not have."""
        sample = self._views.plain(case)
        scores = whole_scores(self.arms, sample, self._ranks)
        loss = float(self._loss(scores[None], sample.target[None, None]))
        return loss, *dice_of(scores, sample.target)

    def _look(self) -> None:
        """Leave a picture of the first validation case (else the first training case) for those who watch."""
        from neosegdino.volume import Volume, save_labels, save_volume

        case = [*self._validation, *self._training][0]
        sample = self._views.plain(case)
        labels = whole_scores(self.arms, sample, self._ranks).argmax(dim=0)
        if not self._ranks.first:
            return
        image = reassemble(sample.windows, sample.cut, sample.target.shape)[0]
        volume = Volume(image.cpu().numpy(), case.affine, case.name)
        save_volume(self._folder.look_image, volume)
        save_labels(self._folder.look_labels, labels.to(torch.uint8).cpu().numpy(), volume)

    def _report_stage(self) -> None:
        steps = self._schedule.steps
        self._reporter.stage(
            "train", max(1, steps - self.position.step), state="training", steps=steps, **self._where()
        )

    def _report_step(self) -> None:
        """Tell of a step; where somebody asks for a stop, all ranks stop here."""
        stop: Cancelled | None = None
        try:
            self._reporter.step(**self._where())
        except Cancelled as request:
            stop = request
        if (agreed := self._ranks.agree(stop)) is not None:
            raise agreed

    def _where(self) -> dict[str, object]:
        position, best = self.position, self.position.best
        return {
            "step": position.step,
            "epoch": position.epoch,
            "epochs": self._settings.epochs,
            "best_epoch": best.epoch if best else 0,
            "best_dice": best.dice if best else None,
        }

    def _no_number(self, where: str) -> TrainingError:
        return TrainingError(
            f"In step {self.position.step + 1} the loss or the weights are no number any more ({where}).",
            "Look at these cases, and start a new run with a lower --rate; the last checkpoint is kept.",
        )

    def _save(self) -> None:
        if not self._ranks.first:
            return
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self._parameters):
            raise self._no_number("found before a checkpoint")
        position = self.position
        state: State = {
            "step": position.step,
            "epoch": position.epoch,
            "place": position.place,
            "losses": position.losses,
            "points": msgspec.json.encode(position.points).decode(),
            "best": vars(position.best) if position.best else None,
            "arms": self.arms.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        write_checkpoint(self._folder.checkpoint_file, state)
        self._folder.write_curves(position.points)
        self._saved = time.monotonic()

    def _resume(self) -> None:
        state = read_checkpoint(self._folder.checkpoint_file, self._device)
        if state is None:
            return
        try:
            self.arms.load_state_dict(state["arms"])
            self._optimiser.load_state_dict(state["optimiser"])
            best = Best(**state["best"]) if state["best"] else None
            points = msgspec.json.decode(state["points"], type=list[CurvePoint])
            self.position = Position(state["step"], state["epoch"], state["place"], state["losses"], points, best)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise TrainingError(
                f"The checkpoint {self._folder.checkpoint_file} is not one of this run: {error}.",
                "Start the run again in another folder.",
            ) from error


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _too_little_memory() -> DeviceError:
    return DeviceError(
        "The memory does not suffice for one window.",
        "Close other programs, choose a smaller --window, or --device cpu; the last checkpoint is kept.",
    )
