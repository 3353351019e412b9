"""A fine-tuning worker without training: it speaks through the run's folder as the real one does, in fast motion.

Called as the package's command line is; the environment variable ``FAKE_FINETUNE`` says how it behaves:
``works`` (three epochs, then a bundle), ``waits`` (an epoch, then nothing until it is asked), ``deaf`` (never obeys and
has a child), ``fails``, ``refuses`` (an error before there is a run), ``crashes`` (a traceback before there is a run).
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import nibabel as nib
import numpy as np
import psutil
from neosegdino.cases.case import Case
from neosegdino.cli import main
from neosegdino.training.run_folder import CurvePoint, Plan, PlannedCase, RunFolder, Status
from neosegdino.training.settings import FinetuneSettings

from module_samples.bundle import write_description

EPOCHS = 3


def read_table(path: Path) -> list[Case]:
    """Cases of a table."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    files = [[str(path.parent / row[name]) for name in ("image", "labels")] for row in rows]
    return [Case(row["name"], image, labels, row["subject"]) for row, (image, labels) in zip(rows, files, strict=True)]


def estimate(table: Path) -> None:
    """Stand in for ``neosegdino finetune TABLE --out RUN --estimate --json``."""
    count = len(read_table(table))
    found = {"seconds": 700.0, "memory_bytes": 3.1 * 2**30, "feature_bytes": 4e8, "device": "CPU"}
    print(json.dumps(found | {"training_cases": count - 1, "validation_cases": 1}))


class Worker:
    """Stand in for ``neosegdino finetune``."""

    def __init__(self, folder: Path, how: str) -> None:
        self.files = RunFolder(folder)
        self.how = how
        self.status = Status("starting", os.getpid(), psutil.Process().create_time(), epochs=EPOCHS, device="CPU")

    def plan(self, table: Path, name: str) -> None:
        """Write the plan."""
        planned = [PlannedCase(case, "", "") for case in read_table(table)]
        settings = FinetuneSettings(name=name)
        bundle = os.environ["FAKE_FINETUNE_BUNDLE"]
        self.files.write_plan(Plan(settings, tuple(planned[1:]), tuple(planned[:1]), bundle, "0" * 64))

    def run(self) -> int:
        """Do the work; return the exit code."""
        self.files.take_request()
        self.say()
        points = self.files.read_curves()
        self.say(state="training", stage="train", epoch=len(points))
        if self.how == "deaf":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (self.files.folder / "child.txt").write_text(str(child.pid))
        if self.how == "fails":
            print("Traceback: the loss is not a number", file=sys.stderr, flush=True)
            self.say(state="failed", message="The loss is not a number.", remedy="Lower the learning rate.")
            return 10
        while len(points) < EPOCHS or self.how != "works":
            if len(points) < EPOCHS:
                self.epoch(points)
            if (code := self.obey()) is not None:
                return code
            time.sleep(0.5)
        return self.finish()

    def epoch(self, points: list[CurvePoint]) -> None:
        """One epoch: a point of the curves, a look, a status."""
        number = len(points) + 1
        points.append(CurvePoint(number, 4 * number, 5e-4, 1 / number, 1.2 / number, 0.2 * number, 0.25 * number))
        self.files.write_curves(points)
        self.look(number)
        best = 0.225 * number
        fraction = number / EPOCHS
        self.say(epoch=number, fraction=fraction, remaining_s=100.0, best_epoch=number, best_dice=best)

    def look(self, number: int) -> None:
        """A ball with as many voxels of left and right as there were epochs."""
        (self.files.folder / "checkpoint.pt").write_text(str(number))
        labels = np.zeros((20, 24, 22), np.uint8)
        labels[4, 4 : 4 + number, 5], labels[14, 4 : 4 + number, 5] = 1, 2
        affine = np.diag([2.0, 2.0, 2.0, 1.0])
        affine[:3, 3] = -20
        image = np.random.default_rng(number).normal(100, 20, labels.shape).astype(np.float32)
        for array, path in ((image, self.files.look_image), (labels, self.files.look_labels)):
            temporary = path.with_name(f"new-{path.name}")
            nib.save(nib.Nifti1Image(array, affine), temporary)
            temporary.replace(path)

    def obey(self) -> int | None:
        """Exit code if somebody has asked for an end."""
        request = None if self.how == "deaf" else self.files.take_request()
        if request is None:
            return None
        self.say(state="paused" if request == "pause" else "cancelled")
        return 0 if request == "pause" else 130

    def finish(self) -> int:
        """Make the bundle."""
        name = self.files.read_plan().settings.name
        folder = write_description(self.files.bundles, name, "Fine-tuned")
        self.say(state="finished", stage="write", fraction=1.0, remaining_s=0.0, bundle=str(folder))
        return 0

    def say(self, **fields: object) -> None:
        """Write the status."""
        self.status = msgspec.structs.replace(self.status, **fields)
        self.files.write_status(self.status)


def option(name: str, otherwise: str = "") -> str:
    """Value of an option of the command line."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else otherwise


def finetune(how: str) -> int:
    """Start a run or go on with one; return the exit code."""
    print("arguments:", *sys.argv[1:], flush=True)
    if how == "refuses":
        print("Error: Case a is bad.\n  Remedy: Leave it out.", file=sys.stderr)
        return 9
    if how == "crashes":
        raise RuntimeError("the tensor has a bad day: \u00fc")
    worker = Worker(Path(option("--resume") or option("--out")), how)
    if "--resume" not in sys.argv:
        worker.plan(Path(sys.argv[2]), option("--name", "fine-tuned"))
    return worker.run()


if __name__ == "__main__":
    if sys.argv[1] == "cases":  # the real preflight
        main(prog_name="neosegdino")
    elif "--estimate" in sys.argv:
        estimate(Path(sys.argv[2]))
    else:
        sys.exit(finetune(os.environ["FAKE_FINETUNE"]))
