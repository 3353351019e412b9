"""Cases found, written down and checked without blocking the window: a thread, and the worker's own preflight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neosegdino.errors import NeoSegDINOError

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.case_export import CaseImages, write_cases
from NeoSegDINOLib.case_list import add_cases, table_of, write_table
from NeoSegDINOLib.worker_document import WorkerDocument

if TYPE_CHECKING:
    from neosegdino.cases.case import Case


@dataclass(frozen=True)
class CaseFiles:
    """Where cases are found; names and defaults are those of the command line.

    Attributes
    ----------
    source : Path
        CSV file, BIDS folder, or folder of pairs.
    images, labels : str
        Patterns of a folder of pairs; empty for the default ones.
    left, right : tuple of int
        Values of each side.
    """

    source: Path
    images: str = ""
    labels: str = ""
    left: tuple[int, ...] = (1,)
    right: tuple[int, ...] = (2,)

    def find(self) -> list[Case]:
        """List the cases.

        Raises
        ------
        CaseError
            If there are none, or a table is wrong.
        """
        from neosegdino.cases.source import find_cases

        return find_cases(self.source, self.images or None, self.labels or None, self.left, self.right)


@dataclass(frozen=True, eq=False)
class CheckedCases:
    """All cases of a run, the worker's report of each in the same order, which came from the scene, and their table."""

    cases: list[Case]
    reports: list[dict[str, Any]]
    written: list[Case]
    table: Path


class PreflightJob:
    """Adds cases to a run's table and has all of them checked.

    Parameters
    ----------
    run_folder : Path
        The run's folder.
    known : sequence of Case or None
        Cases that are kept; None for those that the folder's own table lists.
    on_done, on_error : callable
        Called with `CheckedCases`, or with why the table is as it was.
    files : CaseFiles, optional
        Cases to add.
    pairs : sequence of CaseImages, optional
        Pairs from the scene to write and add.
    """

    def __init__(
        self,
        run_folder: Path,
        known: Sequence[Case] | None,
        on_done: Callable[[CheckedCases], None],
        on_error: Callable[[NeoSegDINOError], None],
        *,
        files: CaseFiles | None = None,
        pairs: Sequence[CaseImages] = (),
    ) -> None:
        self._run_folder = run_folder
        self._table = table_of(run_folder)
        self._known = known
        self._files = files
        self._pairs = pairs
        self._worker = WorkerDocument(["cases", str(self._table), "--json"], run_folder)
        self._background: Background[CheckedCases] = Background(self._work, on_done, on_error)

    @property
    def running(self) -> bool:
        """Whether the end is not told yet."""
        return self._background.running

    def start(self) -> None:
        """Start; returns at once."""
        self._background.start()

    def wait(self) -> None:
        """Wait for the end while the window stays alive."""
        self._background.wait()

    def cancel(self) -> None:
        """End the worker; the end is told to nobody."""
        self._background.forget()
        self._worker.cancel()

    def _work(self) -> CheckedCases:
        known = CaseFiles(self._table).find() if self._known is None else self._known
        if self._known is None and self._files is None and not self._pairs:
            return CheckedCases(list(known), self._check(known), [], self._table)  # nothing is written
        written: list[Case] = []
        before = self._table.read_bytes() if self._table.is_file() else None
        found = self._files.find() if self._files is not None else []
        try:
            written = write_cases(self._table.parent, self._pairs, {case.name for case in (*known, *found)})
            cases = add_cases(known, [*found, *written])
            write_table(self._run_folder, cases)
            return CheckedCases(cases, self._check(cases), written, self._table)
        except BaseException:
            self._undo(written, before)
            raise

    def _check(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        if not cases:
            return []
        reports = {report["name"]: report for report in self._worker.read()["cases"]}
        return [reports.get(case.name, {"name": case.name}) for case in cases]

    def _undo(self, written: Sequence[Case], before: bytes | None) -> None:
        """Leave the folder as it was."""
        from neosegdino.files import atomic_path

        for case in written:
            Path(case.image).unlink(missing_ok=True)
            Path(case.labels).unlink(missing_ok=True)
        if before is None:
            self._table.unlink(missing_ok=True)
        else:
            with atomic_path(self._table) as temporary:
                temporary.write_bytes(before)
