"""One segmentation in a worker process, followed without blocking the window.

A thread writes the input, starts the worker, reads its JSON lines and its result, and tidies up; the newest that it has
to say waits until the window's thread polls. Nothing here touches the scene, Qt or VTK.
"""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neosegdino.errors import Cancelled, DependencyError, NeoSegDINOError, OutputError
from slicer.i18n import tr as _

from NeoSegDINOLib.choices import Windows
from NeoSegDINOLib.job_folder import file_stem, make_job_folder
from NeoSegDINOLib.job_log import JobLog
from NeoSegDINOLib.label_boxes import LabelBox, label_boxes
from NeoSegDINOLib.messages import WorkerMessages
from NeoSegDINOLib.process import end_tree, start_worker
from NeoSegDINOLib.uncertainty_box import UncertaintyBox, uncertainty_box

if TYPE_CHECKING:
    from NeoSegDINOLib.nodes import NodeImage

POLL_S = 0.01


@dataclass(frozen=True, eq=False)
class Request:
    """What to segment and how; names and values are those of the command line."""

    image: NodeImage
    bundle: str
    windows: str
    device: str
    age_weeks: float | None = None

    def arguments(self, source: Path, target: Path) -> list[str]:
        """Command line for the worker."""
        options = {
            "--out": str(target),
            "--bundle": self.bundle,
            "--windows": self.windows,
            "--device": self.device,
            "--age-weeks": "" if self.age_weeks is None else f"{self.age_weeks:g}",
        }
        given = [part for name, value in options.items() if value for part in (name, value)]
        return ["segment", str(source), *given, "--confidence", "--no-snapshot", "--progress", "json"]


def check_windows(word: str) -> None:
    """Refuse what is no way to cover a volume.

    Raises
    ------
    NeoSegDINOError
        The word is none of `Windows`.
    """
    words = [choice.value for choice in Windows]
    if word not in words:
        raise NeoSegDINOError(
            _("windows={word!r} is no way to cover a volume.").format(word=word),
            _("Choose one of: {words}.").format(words=", ".join(words)),
        )


def worker_bundle(bundle: str | Path) -> str:
    """Name or folder of a bundle for the worker, whose own folder a relative path must not be looked for in."""
    from neosegdino.bundle_check import MANIFEST  # needs msgspec, and Slicer starts without

    return str(Path(bundle).absolute() if (Path(bundle) / MANIFEST).is_file() else bundle)


@dataclass(frozen=True)
class ProgressUpdate:
    """Fraction 0..1 done, the stage at work, seconds left (None while not known), the last warning of the worker."""

    fraction: float
    stage: str
    remaining_s: float | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class JobResult:
    """The voxels of each class on the input's grid, the JSON report, and where the model is unsure."""

    boxes: list[LabelBox]
    report: dict[str, Any]
    uncertainty: UncertaintyBox | None


JobEvent = ProgressUpdate | JobResult | NeoSegDINOError


class Job:
    """A worker process and the thread that follows it; the request, with its copy of the image, is kept by it alone.

    Parameters
    ----------
    request : Request
        What to segment.
    """

    def __init__(self, request: Request) -> None:
        self.log = JobLog()
        self._news = threading.Condition()
        self._progress: ProgressUpdate | None = None
        self._last: JobEvent | None = None
        self._thread = threading.Thread(target=self._run, args=(request,), name="NeoSegDINO job", daemon=True)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def start(self) -> None:
        """Start the thread; returns at once."""
        self._thread.start()

    def poll(self) -> JobEvent | None:
        """Next event, if there is one: the newest progress, and at last a result or an error.

        Waits a moment for it: in Slicer a thread runs only while the window's thread lets go of Python's lock.
        """
        alive = self._thread.is_alive()
        with self._news:
            self._news.wait_for(lambda: self._progress is not None or self._last is not None, POLL_S)
            if self._progress is not None:
                event, self._progress = self._progress, None
                return event
            if self._last is not None:
                return self._last
        if alive:
            return None
        return OutputError(
            _("The job ended unexpectedly."), _("Copy the log, see Slicer's Python console, and report both.")
        )

    def cancel(self) -> None:
        """End the worker and all its processes at once; the thread then removes the temporary folder."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                end_tree(self._process)

    def join(self, timeout_s: float) -> bool:
        """Wait until no file of the job is left and all its processes have been ended; False if it took longer.

        Of a worker that was killed, what it had started may be there for a moment more.
        """
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self, request: Request) -> None:
        started = time.monotonic()
        try:
            with make_job_folder() as folder:
                last: JobEvent = self._work(request, Path(folder))
        except NeoSegDINOError as error:
            last = error.with_traceback(None)  # its frames would keep the image
        except ImportError as error:
            last = DependencyError(
                _("A Python package does not load: {error}.").format(error=error),
                _("Restart Slicer; if that does not help, copy the log."),
            )
        except OSError as error:
            last = OutputError(
                _("The job's temporary folder cannot be used: {error}.").format(error=error),
                _("Free some disk space, or choose another temporary folder in Slicer's settings."),
            )
        if isinstance(last, NeoSegDINOError):
            self.log.add(f"error: {last}")
        self.log.add(f"ended after {time.monotonic() - started:.1f} s")
        with self._news:
            self._last = last
            self._news.notify()

    def _work(self, request: Request, folder: Path) -> JobResult:
        from neosegdino.volume import save_volume

        source = folder / f"{file_stem(request.image.name)}.nii"
        save_volume(source, request.image.to_volume())
        self._require_not_cancelled()
        arguments = request.arguments(source, folder / "out")
        self.log.add(f"arguments: {' '.join(arguments)}")
        errors = folder / "stderr.txt"
        with errors.open("wb") as sink:
            messages = self._follow(arguments, folder, sink)
        self.log.add_file(errors)
        self._require_not_cancelled()
        return self._read_result(request, messages.output(source, request.image.name, self.log))

    def _follow(self, arguments: list[str], folder: Path, errors: Any) -> WorkerMessages:
        """Start the worker and read its lines to the end."""
        messages = WorkerMessages()
        with self._lock:
            if self._cancelled:
                raise Cancelled(_("Cancelled."))
            self._process = process = start_worker(arguments, folder, errors)
        with process:
            for line in process.stdout or ():
                update = messages.read(line, self.log)
                if update is not None:
                    self._tell(ProgressUpdate(*update, messages.note))
        messages.exit_code = process.returncode
        self.log.add(f"exit code: {process.returncode}")
        return messages

    def _tell(self, update: ProgressUpdate) -> None:
        """Let the window know; what it has not looked at is out of date: a worker may talk faster than it listens."""
        with self._news:
            self._progress = update
            self._news.notify()

    def _require_not_cancelled(self) -> None:
        if self._cancelled:
            raise Cancelled(_("Cancelled."))

    @staticmethod
    def _read_result(request: Request, output: dict[str, Any]) -> JobResult:
        import json

        import nibabel as nib
        import numpy as np
        from neosegdino import measure  # noqa: F401 (loaded here, because the window's thread measures the segments)
        from neosegdino.bundle_store import find_bundle

        labels = np.asarray(nib.load(output["labels"]).dataobj).astype(np.uint8)
        if labels.shape != request.image.data.shape:
            raise OutputError(_("The worker's labels are not on the input's grid."), _("Copy the log and report it."))
        report = json.loads(Path(output["report"]).read_text(encoding="utf-8"))
        report["input"]["source"] = request.image.name
        bundle = find_bundle(request.bundle or None, verify=False)
        unsure = uncertainty_box(np.asarray(nib.load(output["confidence"]).dataobj))
        return JobResult(label_boxes(labels, bundle.spec.classes), report, unsure)
