"""The folder of a fine-tuning run: what is in it, and how a running worker and those who watch it speak through it.

The worker writes its status, its curves and the latest look at a validation case; whoever watches (the panel, a
script) reads them and leaves a request. Every file appears whole or not at all, so that nothing has to be locked.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from neosegdino.cases.case import Case
from neosegdino.errors import TrainingError
from neosegdino.files import atomic_path
from neosegdino.folders import remove_leftovers
from neosegdino.spec import Spec
from neosegdino.training.settings import FinetuneSettings

State = Literal["starting", "training", "paused", "cancelled", "failed", "finished"]
Request = Literal["pause", "cancel"]
Kind = TypeVar("Kind")
_FRESH_S = 60.0


class PlannedCase(Spec, frozen=True):
    """A case of a run, with the hashes of its files when the run was planned."""

    case: Case
    image_sha256: str
    labels_sha256: str


class Plan(Spec, frozen=True):
    """What a run does; written once, before any work."""

    settings: FinetuneSettings
    training: tuple[PlannedCase, ...]
    validation: tuple[PlannedCase, ...]
    bundle_folder: str
    """Folder of the bundle to start from."""
    bundle_sha256: str
    left_out: tuple[str, ...] = ()
    """Names of bad cases that the user asked to leave out."""


class Status(Spec, frozen=True):
    """How a run stands."""

    state: State
    pid: int
    process_began: float
    """Creation time of the process, so that another one with the same number is not taken for it."""
    stage: str = ""
    """``check``, ``train``, ``evaluate`` or ``write``."""
    fraction: float = 0.0
    remaining_s: float | None = None
    epoch: int = 0
    """Whole epochs done."""
    epochs: int = 0
    step: int = 0
    steps: int = 0
    best_epoch: int = 0
    best_dice: float | None = None
    """Mean of both sides over the validation cases."""
    device: str = ""
    message: str = ""
    """Why the run failed."""
    remedy: str = ""
    notes: tuple[str, ...] = ()
    bundle: str = ""
    """Folder of the finished bundle as it was made; see `RunFolder.bundle_of`."""


class CurvePoint(Spec, frozen=True):
    """Figures of one epoch."""

    epoch: int
    step: int
    rate: float
    loss: float
    """Mean over the epoch's training cases."""
    validation_loss: float | None
    dice_left: float | None
    dice_right: float | None
    """Means over the validation cases, on the model's grid."""


class RunFolder:
    """Paths of a run, and the reading and writing of its small files.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.plan_file = self.folder / "run.json"
        self.status_file = self.folder / "status.json"
        self.curves_file = self.folder / "curves.json"
        self.request_file = self.folder / "request.txt"
        self.checkpoint_file = self.folder / "checkpoint.pt"
        self.log_file = self.folder / "log.txt"
        self.look_image = self.folder / "look_image.nii.gz"
        self.look_labels = self.folder / "look_labels.nii.gz"
        """Image and present labels of one validation case on the model's grid, written after an epoch."""
        self.evaluation = self.folder / "evaluation"
        self.features = self.folder / "features"
        self.bundles = self.folder / "bundle"

    def write_plan(self, plan: Plan) -> None:
        """Write the plan."""
        self._write(self.plan_file, plan)

    def read_plan(self) -> Plan:
        """Read the plan.

        Raises
        ------
        TrainingError
            There is none, or it cannot be read.
        """
        if not self.plan_file.is_file():
            raise TrainingError(f"{self.folder} holds no fine-tuning run: it has no run.json.", "Give a run's folder.")
        return self._read(self.plan_file, Plan)

    def bundle_of(self, plan: Plan) -> Path:
        """Folder of the bundle that comes out, wherever the run's folder is now."""
        return self.bundles / plan.settings.name

    def write_status(self, status: Status) -> None:
        """Write the status."""
        self._write(self.status_file, status)

    def read_status(self) -> Status | None:
        """Read the status; None before the first one."""
        return self._read(self.status_file, Status) if self.status_file.is_file() else None

    def write_curves(self, points: list[CurvePoint]) -> None:
        """Write all points of the curves."""
        self._write(self.curves_file, points)

    def read_curves(self) -> list[CurvePoint]:
        """Read the curves; none before the first epoch."""
        return self._read(self.curves_file, list[CurvePoint]) if self.curves_file.is_file() else []

    def ask(self, request: Request) -> None:
        """Ask the running worker to pause or to cancel; it obeys at its next step."""
        with atomic_path(self.request_file) as temporary:
            temporary.write_text(request)

    def take_request(self) -> Request | None:
        """Take the request that waits, if there is one."""
        if not self.request_file.is_file():
            return None
        text = self.request_file.read_text().strip()
        self.request_file.unlink()
        return "cancel" if text == "cancel" else "pause"

    def running(self) -> bool:
        """Whether the process that wrote the status still works on the run."""
        import psutil

        status = self.read_status()
        if status is None or status.state not in ("starting", "training"):
            return False
        try:
            process = psutil.Process(status.pid)
            if process.status() == psutil.STATUS_ZOMBIE:  # killed, and not yet asked about by who started it
                return False
            return bool(abs(process.create_time() - status.process_began) < 2)
        except psutil.NoSuchProcess:
            return False

    def remove_leftovers(self) -> None:
        """Remove what a killed worker left unfinished; files of the last minute may be another's at work."""
        remove_leftovers(self.bundles)
        found = [path for folder in (self.folder, self.features) for path in folder.glob(".neosegdino-*")]
        for path in found:
            if path.is_file() and time.time() - path.stat().st_mtime > _FRESH_S:
                path.unlink(missing_ok=True)

    def _write(self, path: Path, value: object) -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")

    def _read(self, path: Path, kind: type[Kind]) -> Kind:
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
            raise TrainingError(f"{path} cannot be read: {error}.", "Start a new run in another folder.") from error
