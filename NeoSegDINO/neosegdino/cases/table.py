"""Cases in a CSV table."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from neosegdino.cases.case import Case
from neosegdino.cases.names import check_names, stem
from neosegdino.cases.side_values import Values, check_values, parse_values
from neosegdino.errors import CaseError
from neosegdino.files import atomic_path

COLUMNS = ("name", "subject", "image", "labels", "left", "right")
_REQUIRED = ("image", "labels")
_OPTIONAL = ("name", "subject", "left", "right")
_TYPO = 0.75
"""An unknown column this like an optional one is taken for a typing error, which would else go unseen."""


def read_table(path: str | Path, left: Values, right: Values) -> list[Case]:
    """Read cases from a CSV file.

    The columns ``image`` and ``labels`` are required: files, relative to the table or absolute. ``name`` (by default
    that of the image), ``subject`` (by default the name), ``left`` and ``right`` (values separated by spaces) may be
    there. Other columns are passed over, also those without a name.

    Parameters
    ----------
    path : str or Path
        Table, UTF-8, separated by commas.
    left, right : tuple of int
        Values of the sides where the table says none.

    Raises
    ------
    CaseError
        The table cannot be read, lacks a column or a value, or two cases have one name.
    """
    path = Path(path)
    cases = [_case(path, number, row, left, right) for number, row in _rows(path)]
    if not cases:
        raise CaseError(f"{path} lists no case.", "Add a line for each case.")
    check_names(cases, path.name, "Add a column 'name' with a name of its own for each case.")
    return cases


def write_table(path: str | Path, cases: Sequence[Case]) -> None:
    """Write cases to a CSV file; files below its folder are named as seen from there.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(COLUMNS)
        for case in cases:
            files = [_seen_from(path.parent, file) for file in (case.image, case.labels)]
            values = [" ".join(str(value) for value in side) for side in (case.left, case.right)]
            rows.writerow([case.name, case.subject, *files, *values])


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows that are not blank, each with its line number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restval="", strict=True)  # what is beyond the columns comes under None
            header = [name.strip().lower() for name in reader.fieldnames or ()]
            _check_header(path, header)
            reader.fieldnames = header
            rows = [(reader.line_num, _stripped(path, reader.line_num, row)) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CaseError(f"{path} cannot be read as a CSV table: {error}.", "Save it as CSV, UTF-8.") from error
    return [(number, row) for number, row in rows if any(row.values())]


def _stripped(path: Path, number: int, row: Mapping[str | None, str | list[str]]) -> dict[str, str]:
    """Values of the columns that have a name."""
    beyond = row.get(None) or []
    if any(value.strip() for value in beyond):
        raise CaseError(
            f"{path.name}, line {number}: there are more values than columns.", "Put values with commas in quotes."
        )
    return {key: str(value).strip() for key, value in row.items() if key}


def _check_header(path: Path, header: Sequence[str]) -> None:
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise CaseError(
            f"{path} has no column '{missing[0]}' in its first line ({', '.join(header) or 'empty'}).",
            f"Name the columns: {', '.join(_REQUIRED)} and, if wanted, name, subject, left, right; commas between.",
        )
    for name in header:
        if name in COLUMNS and header.count(name) > 1:
            raise CaseError(f"{path} has two columns '{name}'.", "Remove or rename one of them.")
        like = get_close_matches(name, _OPTIONAL, n=1, cutoff=_TYPO)
        if like and name not in COLUMNS:
            raise CaseError(f"{path} has a column '{name}', which looks like '{like[0]}'.", "Correct or rename it.")


def _case(path: Path, number: int, row: dict[str, str], left: Values, right: Values) -> Case:
    where = f"{path.name}, line {number}"
    for column in _REQUIRED:
        if not row[column]:
            raise CaseError(f"{where}: no {column} is given.", "Name the file, or remove the line.")
    name = row.get("name") or stem(row["image"].replace("\\", "/"))
    sides = (_values(row, "left", where) or left, _values(row, "right", where) or right)
    check_values(*sides, where)
    image, labels = (_file(path, row[column]) for column in _REQUIRED)
    return Case(name, image, labels, row.get("subject") or name, *sides)


def _file(path: Path, text: str) -> str:
    """A file as seen from the table's folder."""
    return str(path.parent / os.path.expanduser(text))  # noqa: PTH111 (Path's raises where there is no such user)


def _values(row: dict[str, str], column: str, where: str) -> Values:
    try:
        return parse_values(row.get(column, ""))
    except ValueError as error:
        raise CaseError(
            f"{where}: '{row[column]}' in column '{column}' is no list of whole numbers.",
            "Give values of the label map, separated by spaces.",
        ) from error


def _seen_from(folder: Path, file: str) -> str:
    """Path relative to a folder that holds the file; else the absolute one."""
    path = Path(os.path.abspath(file))  # noqa: PTH100 (resolve would follow links)
    try:
        return path.relative_to(os.path.abspath(folder)).as_posix()  # noqa: PTH100
    except ValueError:
        return str(path)
