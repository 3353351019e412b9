"""Copies of nodes that were written as cases, and when they may be deleted again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from NeoSegDINOLib.case_list import table_of

if TYPE_CHECKING:
    from neosegdino.cases.case import Case


class CaseCopies:
    """The files that this Slicer has written for cases; a user's own files are never among them."""

    def __init__(self) -> None:
        self._written: set[str] = set()

    def add(self, cases: Iterable[Case]) -> None:
        """Note cases whose files have been written."""
        self._written |= set(_files_of(cases))

    def keep(self, folder: Path, cases: Iterable[Case]) -> None:
        """Files of another folder that the table of this run's folder lists, too, are not deleted any more."""
        self._written -= {file for file in _files_of(cases) if not _is_in(folder, file)}

    def delete(self, folder: Path, gone: Iterable[Case]) -> None:
        """Delete what was written for cases that are gone, unless a run is in the folder: it could never go on."""
        from neosegdino.training.run_folder import RunFolder

        run = RunFolder(folder)
        if run.plan_file.exists() or run.status_file.exists():
            return
        for file in _files_of(gone):
            if file in self._written and _is_in(folder, file):
                with contextlib.suppress(OSError):  # one that is in use, on Windows, stays without harm
                    Path(file).unlink(missing_ok=True)


def _is_in(folder: Path, file: str) -> bool:
    """Whether a file lies beside the table of cases of a run's folder."""
    return Path(file).is_relative_to(table_of(folder).parent)


def _files_of(cases: Iterable[Case]) -> list[str]:
    return [file for case in cases for file in (case.image, case.labels)]
