"""What an evaluation found: a row for each case and side, their summary, and the files that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from neosegdino import __version__
from neosegdino.cases.case import SIDES
from neosegdino.errors import OutputError
from neosegdino.evaluation.bootstrap import LEVEL, RESAMPLES, Spread, summarise
from neosegdino.evaluation.measures import MaskMeasures
from neosegdino.evaluation.tables import as_csv, as_text
from neosegdino.evaluation.worst import Example, draw_worst
from neosegdino.files import printable, resolved
from neosegdino.folders import cannot_write, move_into_place, private_folder
from neosegdino.report import RESEARCH_USE, versions
from neosegdino.spec import Accuracy, Spec

SCHEMA: Literal["neosegdino-evaluation/1"] = "neosegdino-evaluation/1"
FILES = ("cases.csv", "summary.csv", "evaluation.json", "worst.png")
INTERVAL = f"{LEVEL:.0%} confidence interval of the mean, bootstrap over subjects, {RESAMPLES} resamples, fixed seed"
_ACCURACY = {"dice": "Dice", "hd95_mm": "HD95 (mm)"}


class Row(Spec, frozen=True):
    """One side of one case."""

    case: str
    subject: str
    side: Literal["left", "right"]
    measures: MaskMeasures
    located: bool | None
    """Whether the coarse pass found the hippocampi; None where nothing looked for them."""
    warnings: tuple[str, ...]
    """Of the case, not of the side alone."""


class Failure(Spec, frozen=True):
    """A case that could not be evaluated."""

    case: str
    subject: str
    kind: str
    message: str
    remedy: str
    exit_code: int

    def text(self) -> str:
        """The case and what is wrong with it."""
        return f"{self.case}: {self.message.removeprefix(f'Case {self.case}: ')} {self.remedy}".rstrip()


class BundleName(Spec, frozen=True):
    """Which bundle."""

    name: str
    version: str
    sha256: str


class Origin(Spec, frozen=True):
    """Where the results that were evaluated come from: a bundle and a device, or a folder of label maps."""

    bundle: BundleName | None = None
    windows: str | None = None
    device: str | None = None
    """One line that names it."""
    predictions: str | None = None


class SummaryRow(Spec, frozen=True):
    """One measure of one side, or of both sides pooled."""

    side: Literal["left", "right", "both"]
    measure: str
    missing: int
    """Rows in which the measure is not defined, for example because a side was not found; not part of the spread."""
    spread: Spread


class Document(Spec, frozen=True):
    """The whole of ``evaluation.json``."""

    schema: Literal["neosegdino-evaluation/1"]
    neosegdino: str
    versions: dict[str, str | None]
    origin: Origin
    summary: tuple[SummaryRow, ...]
    interval: str
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]
    research_use: str


class _Named(msgspec.Struct):
    """What a JSON file says that it is."""

    schema: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    rows : tuple of Row
        One a case and side.
    failures : tuple of Failure
        Cases that could not be evaluated; they are in no row and no summary.
    origin : Origin
        What was evaluated.
    worst : tuple of Example
        The cases with the lowest mean Dice, lowest first, for the picture.
    """

    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]
    origin: Origin
    worst: tuple[Example, ...] = ()

    @property
    def exit_code(self) -> int:
        """Exit code of the last failure; 0 when there was none."""
        return self.failures[-1].exit_code if self.failures else 0

    def summary(self) -> tuple[SummaryRow, ...]:
        """Every measure of the left side, of the right side, and of both pooled."""
        sides: tuple[Literal["left", "right", "both"], ...] = ("left", "right", "both")
        return tuple(self._summary(side, name) for name in MaskMeasures.__struct_fields__ for side in sides)

    def document(self) -> Document:
        """Everything but the picture, ready for JSON."""
        return Document(
            SCHEMA,
            __version__,
            {**versions(), "monai": version("monai")},
            self.origin,
            self.summary(),
            INTERVAL,
            self.rows,
            self.failures,
            RESEARCH_USE,
        )

    def write(self, folder: str | Path) -> None:
        """Write ``cases.csv``, ``summary.csv``, ``evaluation.json`` and ``worst.png``; all appear together or none.

        An earlier evaluation in the folder is replaced; a link to a folder stays one. The picture is missing where no
        case could be evaluated.

        Raises
        ------
        OutputError
            The folder holds other files, or cannot be written.
        """
        target = resolved(Path(folder))
        check_folder(target)
        with private_folder(target.parent) as private:
            new = private / target.name
            try:
                new.mkdir()
                (new / "cases.csv").write_text(as_csv(self.rows, Row), encoding="utf-8", newline="")
                (new / "summary.csv").write_text(as_csv(self.summary(), SummaryRow), encoding="utf-8", newline="")
                text = msgspec.json.format(msgspec.json.encode(self.document()), indent=1)
                (new / "evaluation.json").write_bytes(text + b"\n")
            except OSError as error:
                raise cannot_write(target, error) from error
            if self.worst:
                draw_worst(self.worst, new / "worst.png")
            move_into_place(new, target)

    def accuracy(self, data: str, command: str, *, held_out: bool, note: str = "") -> list[Accuracy]:
        """Dice and HD95 of each side as a bundle states them.

        Parameters
        ----------
        data : str
            What was measured on.
        command : str
            What measures it again.
        held_out : bool
            Whether nothing of the data was trained or tuned on.
        note : str
            What a reader has to know. What is missing from the figures is added to it.

        Returns
        -------
        list of Accuracy
            None for a measure that no case has.
        """
        found = []
        for row in self.summary():
            mean = row.spread.mean
            if row.side == "both" or row.measure not in _ACCURACY or mean is None:
                continue
            found.append(
                Accuracy(
                    data=data,
                    count=row.spread.count,
                    metric=f"{_ACCURACY[row.measure]}, {row.side}",
                    mean=round(mean, 4),
                    sd=round(row.spread.sd or 0.0, 4),
                    held_out=held_out,
                    command=command,
                    note="; ".join(filter(None, (note, *self._gaps(row)))),
                )
            )
        return found

    def text(self) -> str:
        """The summary as a table for people, with what failed and what is missing."""
        cases = {row.case for row in self.rows}
        subjects = {row.subject for row in self.rows}
        head = f"{_count(len(cases), 'case')} of {_count(len(subjects), 'subject')}; {self._origin_text()}"
        lines = [head, "", as_text(self.summary()), "", f"Interval: {INTERVAL}."]
        lines += [f"Not evaluated: {one.text()}" for one in self.failures]
        return "\n".join([*lines, RESEARCH_USE])

    def _summary(self, side: Literal["left", "right", "both"], name: str) -> SummaryRow:
        rows = [row for row in self.rows if side in ("both", row.side)]
        known = [row for row in rows if getattr(row.measures, name) is not None]
        spread = summarise([getattr(row.measures, name) for row in known], [row.subject for row in known])
        return SummaryRow(side, name, len(rows) - len(known), spread)

    def _gaps(self, row: SummaryRow) -> list[str]:
        """What is missing from a figure, in words."""
        gaps = [f"{row.missing} more without it, a side being empty"] if row.missing else []
        return gaps + ([f"{_count(len(self.failures), 'case')} could not be evaluated"] if self.failures else [])

    def _origin_text(self) -> str:
        bundle = self.origin.bundle
        if bundle is None:
            return f"label maps in {self.origin.predictions}"
        return f"bundle {bundle.name} {bundle.version}; {self.origin.device}"


def check_folder(folder: Path) -> None:
    """Check that a folder holds nothing but an earlier evaluation, for it is replaced as a whole.

    The names of the files do not tell that alone: people call their own tables ``cases.csv``, too.

    Raises
    ------
    OutputError
        It is a file, or holds other files.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{printable(folder)} is a file.", "Choose a folder.")
    files = {path.name for path in folder.iterdir() if path.is_file()}
    known = files.intersection(FILES) if _is_evaluation(folder / "evaluation.json") else set()
    if other := sorted(path.name for path in folder.iterdir() if path.name not in known):
        raise OutputError(
            f"{printable(folder)} holds other files, such as {printable(other[0])}.",
            "Choose a new folder for the evaluation.",
        )


def _is_evaluation(path: Path) -> bool:
    """Whether a file is the document of an evaluation, of whatever version."""
    try:
        schema = msgspec.json.decode(path.read_bytes(), type=_Named).schema
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return schema.startswith(SCHEMA.partition("/")[0] + "/")


def mean_dice(rows: Sequence[Row]) -> float | None:
    """Mean Dice of the sides of a case that have one."""
    known = [row.measures.dice for row in rows if row.measures.dice is not None]
    return sum(known) / len(known) if known else None


def side_rows(
    case: str, subject: str, measures: dict[str, MaskMeasures], located: bool | None, notes: Sequence[str]
) -> list[Row]:
    """Rows of one case."""
    return [
        Row(case, subject, "left" if side == "left" else "right", measures[side], located, tuple(notes))
        for side in SIDES
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
