"""The cases of a run as the table that the worker reads: a CSV file in the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neosegdino.cases.case import Case

FOLDER = "cases"
"""Folder of the run's folder that holds the table and the cases that came from the scene."""
TABLE = "cases.csv"


def table_of(run_folder: Path) -> Path:
    """Where the table of a run's cases is."""
    return run_folder / FOLDER / TABLE


def write_table(run_folder: Path, cases: Sequence[Case]) -> Path:
    """Write the table of a run's cases, whole or not at all; without cases there is none.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    from neosegdino.cases import table
    from neosegdino.folders import cannot_write

    path = table_of(run_folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not cases:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    if cases:
        table.write_table(path, cases)
    return path


def add_cases(known: Sequence[Case], new: Sequence[Case]) -> list[Case]:
    """Known cases and new ones, whose names are made unique; the same files again take the place of the known case."""
    import msgspec

    pairs = {(case.image, case.labels): case for case in known}
    again = {(case.image, case.labels): case for case in new}
    taken = {case.name for pair, case in pairs.items() if pair not in again}
    together = []
    for pair in {**pairs, **again}:
        case = again.get(pair) or pairs[pair]
        if pair in again:
            case = msgspec.structs.replace(case, name=unique_name(case.name, taken))
            taken.add(case.name)
        together.append(case)
    return together


def unique_name(name: str, taken: set[str]) -> str:
    """Return a name that is not taken: the name itself, or with a number."""
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)
