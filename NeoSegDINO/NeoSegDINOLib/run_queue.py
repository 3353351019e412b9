"""Volumes that are segmented one after another: one at a time runs, the others wait for their turn."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import slicer
from neosegdino.errors import Cancelled, DependencyError, NeoSegDINOError
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from NeoSegDINOLib.any_error import as_told
from NeoSegDINOLib.install import missing_packages
from NeoSegDINOLib.job import ProgressUpdate
from NeoSegDINOLib.nodes import Node
from NeoSegDINOLib.pip_installation import PipInstallation
from NeoSegDINOLib.run import SegmentationRun


class State(enum.Enum):
    """Where a volume of the queue is on its way."""

    waiting = "waiting"
    starting = "starting"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


AT_WORK = (State.starting, State.running)
"""One entry at most is in one of these; before it runs, packages may be installed for it, which takes minutes."""


@dataclass(eq=False)
class Entry:
    """One volume of the queue.

    Attributes
    ----------
    volume, target : Node
        What is segmented, and the segmentation node to fill; None makes a new one.
    parameters : object
        Parameter node from which the click came.
    options : mapping
        Bundle, windows and device at the time of the click.
    state : State
        Where it is.
    progress : ProgressUpdate
        How far the run is.
    run : SegmentationRun or None
        Its run, once started.
    error : NeoSegDINOError or None
        Why there is no result.
    wanted : bool
        False once it was cancelled while it started.
    """

    volume: Node
    target: Node
    parameters: Any
    options: Mapping[str, Any]
    state: State = State.waiting
    progress: ProgressUpdate = field(default_factory=lambda: ProgressUpdate(0.0, "start", None))
    run: SegmentationRun | None = None
    error: NeoSegDINOError | None = None
    wanted: bool = True

    @property
    def log(self) -> str:
        """Log of its run, or what hindered one."""
        return self.run.log if self.run is not None else str(self.error or "")


class RunQueue(VTKObservationMixin):
    """Runs its entries one after another; one that fails does not stop the others.

    A waiting volume that leaves the scene leaves the queue; a scene that is closed empties it. An error that nobody
    expects ends its entry like any other.

    Parameters
    ----------
    segment : callable
        Starts a run, as `NeoSegDINOLogic.segment` does.
    on_change : callable
        Called when entries have come, gone, started or ended.
    on_progress : callable
        Called when the run at work has gone on.
    on_ended : callable
        Called with each `Entry` that has ended, before the next one starts.

    Attributes
    ----------
    entries : list of Entry
        All since the queue was last at rest, in their order.
    """

    def __init__(
        self,
        segment: Callable[..., SegmentationRun],
        on_change: Callable[[], None],
        on_progress: Callable[[], None],
        on_ended: Callable[[Entry], None],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self.entries: list[Entry] = []
        self._segment = segment
        self._on_change = on_change
        self._on_progress = on_progress
        self._on_ended = on_ended
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.NodeRemovedEvent, self._on_node_removed)
        self.addObserver(scene, scene.EndCloseEvent, self._on_scene_closed)

    @property
    def running(self) -> Entry | None:
        """The entry at work, if there is one; while it starts it has no run yet."""
        return next((entry for entry in self.entries if entry.state in AT_WORK), None)

    @property
    def waiting(self) -> list[Entry]:
        """Entries whose turn has not come."""
        return [entry for entry in self.entries if entry.state is State.waiting]

    def why_not(self, volume: Node) -> str | None:
        """Why a volume cannot be added, in words; None if it can."""
        for entry in self.entries:
            if entry.volume is volume and entry.state in AT_WORK:
                return _("'{name}' is being segmented. Wait for it or cancel it.").format(name=volume.GetName())
            if entry.volume is volume and entry.state is State.waiting:
                return _("'{name}' waits in the queue.").format(name=volume.GetName())
        return None

    def will_fill(self, target: Node) -> bool:
        """Whether a volume that is at work or waits has this segmentation node as its target."""
        pending = (*AT_WORK, State.waiting)
        return target is not None and any(e.target is target and e.state in pending for e in self.entries)

    def add(self, entries: list[Entry]) -> None:
        """Add volumes at the end; the first one starts at once if nothing is at work."""
        if self.running is None:
            self.entries = []
        self.entries += entries
        self._go_on()

    def cancel(self) -> None:
        """End the run at work, or the installation for which it has to wait; the next one starts."""
        running = self.running
        if running is None:
            return
        if running.run is not None:
            running.run.cancel()
            return
        running.wanted = False
        if PipInstallation.current is not None:
            PipInstallation.current.cancel()

    def remove(self, entry: Entry) -> None:
        """Take a waiting entry out."""
        if entry.state is State.waiting:
            self.entries.remove(entry)
            self._on_change()

    def remove_waiting(self) -> None:
        """Take all waiting entries out; the run at work goes on."""
        self.entries = [entry for entry in self.entries if entry.state is not State.waiting]
        self._on_change()

    def close(self, timeout_s: float) -> None:
        """End all and wait until nothing of the run at work is left."""
        self.removeObservers()
        running = self.running
        self.remove_waiting()
        self.cancel()
        if running is not None and running.run is not None:
            running.run.join(timeout_s)
        # One that starts ends only when `segment` returns: nobody is there any more who could be told.
        self._on_change = self._on_progress = lambda: None
        self._on_ended = lambda _entry: None

    def _go_on(self) -> None:
        """Start the next entry if nothing is at work."""
        while self.running is None and self.waiting:
            self._start(self.waiting[0])
        self._on_change()

    def _start(self, entry: Entry) -> None:
        entry.state = State.starting  # at once: packages may be installed first, and the window is alive meanwhile
        self._on_change()
        try:
            entry.run = self._begin(entry)
        except Exception as error:
            self._not_started(entry, as_told(error))
        else:
            entry.state = State.running
            if not entry.wanted:
                entry.run.cancel()

    def _begin(self, entry: Entry) -> SegmentationRun:
        def progress(update: ProgressUpdate) -> None:
            entry.progress = update
            self._on_progress()

        return self._segment(
            entry.volume,
            entry.target,
            **entry.options,
            wait=False,
            onProgress=progress,
            onFinished=lambda run: self._end(entry, run.error),
        )

    def _not_started(self, entry: Entry, error: NeoSegDINOError) -> None:
        self._tell_end(entry, error)
        if isinstance(error, DependencyError) or missing_packages():  # the others would only say, or ask, the same
            self.remove_waiting()

    def _end(self, entry: Entry, error: NeoSegDINOError | None) -> None:
        self._tell_end(entry, error)
        if slicer.mrmlScene.IsClosing():
            self.remove_waiting()
        else:
            self._go_on()

    def _tell_end(self, entry: Entry, error: NeoSegDINOError | None) -> None:
        entry.error = error
        if error is None:
            entry.state = State.done
        else:
            entry.state = State.cancelled if isinstance(error, Cancelled) else State.failed
        self._on_ended(entry)

    def _on_node_removed(self, _caller: Any, _event: str) -> None:
        scene = slicer.mrmlScene
        if scene.IsClosing():
            return
        gone = [entry for entry in self.entries if not scene.IsNodePresent(entry.volume)]
        if any(entry.state not in AT_WORK for entry in gone):
            self.entries = [entry for entry in self.entries if entry not in gone or entry.state in AT_WORK]
            self._on_change()

    def _on_scene_closed(self, _caller: Any, _event: str) -> None:
        """Forget all but the one at work: nothing else can start before it has ended."""
        self.entries = [entry for entry in self.entries if entry.state in AT_WORK]
        self._on_change()
