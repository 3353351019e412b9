"""One run: a job, the events of the scene that end it, and the segmentation node that it makes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import slicer
from neosegdino.errors import Cancelled, NeoSegDINOError, OutputError
from slicer.i18n import tr as _

from NeoSegDINOLib.job import Job, JobResult, ProgressUpdate, Request
from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.segmentation import show_segmentation
from NeoSegDINOLib.timer import Timer

POLL_EVERY_MS = 50
LONGEST_POLL_S = 0.03


class SegmentationRun:
    """A running segmentation of one volume node.

    The scene is touched only when a whole result is there. Removing the volume node or closing the scene cancels
    the run; removing the output node makes the result go into a new one.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode
        The volume that is being segmented.
    segmentation_node : vtkMRMLSegmentationNode or None
        Node to fill in place; None makes a new one.
    request : Request
        What the worker is asked to do.
    on_progress : callable, optional
        Called with the newest `ProgressUpdate`, again and again.
    on_finished : callable, optional
        Called once with this run, however it ended.

    Attributes
    ----------
    node : vtkMRMLSegmentationNode or None
        The filled node of a run that succeeded.
    report : dict or None
        The JSON report of a run that succeeded.
    error : NeoSegDINOError or None
        Why there is no result; `Cancelled` for a cancelled run.
    """

    def __init__(
        self,
        volume_node: Node,
        segmentation_node: Node,
        request: Request,
        on_progress: Callable[[ProgressUpdate], None] | None = None,
        on_finished: Callable[[SegmentationRun], None] | None = None,
    ) -> None:
        self.node: Node = None
        self.report: dict[str, Any] | None = None
        self.error: NeoSegDINOError | None = None
        self.running = False
        self._volume_node = volume_node
        self._segmentation_node = segmentation_node
        self._job = Job(request)
        self._on_progress = on_progress
        self._on_finished = on_finished
        self._observers: list[int] = []
        self._timer = Timer(POLL_EVERY_MS, self.poll)

    @property
    def log(self) -> str:
        """The job's log."""
        return self._job.log.text()

    def start(self) -> None:
        """Start the job; returns at once."""
        self._job.start()  # first: where no thread can be had, nothing is left that listens to the scene
        self.running = True
        scene = slicer.mrmlScene
        self._observers = [
            scene.AddObserver(scene.StartCloseEvent, self._on_scene_closing),
            scene.AddObserver(scene.NodeRemovedEvent, self._on_node_removed),
        ]
        logging.info("NeoSegDINO: segmenting '%s'", self._volume_node.GetName())
        self._timer.start()

    def poll(self) -> None:
        """Take in what the worker has said, for a moment: a worker that talks without end must not stop the window."""
        until = time.monotonic() + LONGEST_POLL_S
        while self.running and time.monotonic() < until:
            event = self._job.poll()
            if event is None:
                return
            if isinstance(event, ProgressUpdate):
                if self._on_progress is not None:
                    self._on_progress(event)
            elif isinstance(event, JobResult):
                self._take(event)
            else:
                self._end(event)

    def cancel(self) -> None:
        """End the worker at once; the scene stays as it is."""
        if self.running:
            self._job.cancel()
            self._end(Cancelled(_("Cancelled. Nothing was changed.")))

    def wait(self) -> tuple[Node, dict[str, Any]]:
        """Wait for the end while the window stays alive.

        Returns
        -------
        tuple
            The segmentation node and the report.

        Raises
        ------
        NeoSegDINOError
            Why there is no result.
        """
        while self.running:
            self.poll()
            slicer.app.processEvents()
        if self.error is not None:
            raise self.error
        assert self.report is not None
        return self.node, self.report

    def join(self, timeout_s: float) -> bool:
        """Wait until no file of the run is left and all its processes have been ended; False if it took longer."""
        return self._job.join(timeout_s)

    def _take(self, result: JobResult) -> None:
        """Put the result into the scene; whatever happens there, the run has ended then."""
        error: NeoSegDINOError | None = OutputError(
            _("The result could not be put into the scene."), _("See Slicer's Python console for the cause.")
        )
        try:
            target = self._segmentation_node
            if target is not None and not slicer.mrmlScene.IsNodePresent(target):
                target = None
            self.node = show_segmentation(self._volume_node, result.boxes, result.report, target, result.uncertainty)
            self.report = result.report
            error = None
        except NeoSegDINOError as known:
            error = known
        finally:
            self._end(error)

    def _end(self, error: NeoSegDINOError | None) -> None:
        self.error = error
        self.running = False
        self._timer.stop()
        for tag in self._observers:
            slicer.mrmlScene.RemoveObserver(tag)
        if error is None:
            logging.info("NeoSegDINO: finished '%s'", self._volume_node.GetName())
        elif not isinstance(error, Cancelled):
            logging.error("NeoSegDINO: %s", error)
        if self._on_finished is not None:
            self._on_finished(self)

    def _on_scene_closing(self, _caller: Any, _event: str) -> None:
        self.cancel()

    def _on_node_removed(self, _caller: Any, _event: str) -> None:
        if not slicer.mrmlScene.IsNodePresent(self._volume_node):
            self.cancel()
