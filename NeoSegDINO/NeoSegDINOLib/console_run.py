"""A fine-tuning run from Slicer's Python console: the same road as the panel's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neosegdino.errors import CaseError, TrainingError
from slicer.i18n import tr as _

from NeoSegDINOLib.background import Background
from NeoSegDINOLib.case_export import CaseImages, images_of, pair_of, write_cases
from NeoSegDINOLib.case_list import add_cases, table_of, write_table
from NeoSegDINOLib.default_bundle import default_bundle
from NeoSegDINOLib.finetune_run import FinetuneRun
from NeoSegDINOLib.finetune_settings import make_settings
from NeoSegDINOLib.preflight_job import CaseFiles

if TYPE_CHECKING:
    from neosegdino.cases.case import Case
    from neosegdino.errors import NeoSegDINOError

Listener = Callable[[FinetuneRun], None]


def start_run(
    cases: str | Path | Sequence[Any],
    out: Path,
    settings: Mapping[str, Any],
    leave_out_bad: bool,
    on_progress: Listener | None = None,
    on_finished: Listener | None = None,
) -> FinetuneRun:
    """Bring cases into the run's folder and start the worker.

    Raises
    ------
    NeoSegDINOError
        If cases or settings do not suit, or a run is at work already.
    """
    checked = make_settings({"bundle": default_bundle() or None, **settings})

    def tell(run: FinetuneRun) -> None:
        if on_progress is not None:
            on_progress(run)
        if on_finished is not None and not run.working:
            on_finished(run)

    out = out.expanduser().absolute()
    run = FinetuneRun(out, tell)
    run.require_startable()
    table = _bring(cases, out)
    run.start(table, checked, leave_out_bad=leave_out_bad)
    return run


def _bring(cases: str | Path | Sequence[Any], out: Path) -> Path:
    """Write the table of the cases, and the pairs of nodes, into the run's folder; the window stays alive."""
    pairs: list[CaseImages] = []
    files: list[Case] = []
    source = CaseFiles(Path(cases)) if isinstance(cases, str | Path) else None
    for entry in () if source is not None else cases:
        volume, labels, sides = _entry(entry)
        if isinstance(volume, str | Path):
            files.append(_file_case(Path(volume), Path(labels), sides))
        else:
            pairs.append(images_of(pair_of(volume, labels, sides)))
    failed: list[NeoSegDINOError] = []

    def write() -> None:
        known = add_cases([], source.find() if source is not None else files)
        written = write_cases(table_of(out).parent, pairs, {case.name for case in known})
        write_table(out, add_cases(known, written))

    background = Background(write, lambda _none: None, failed.append)
    background.start()
    background.wait()
    if failed:
        raise failed[0]
    return table_of(out)


def _entry(entry: Any) -> tuple[Any, Any, dict[str, str] | None]:
    """Volume, labels and sides of a pair."""
    if not isinstance(entry, tuple | list) or len(entry) not in (2, 3):
        raise CaseError(
            _("A case is a pair of a volume and its labels, not {entry!r}.").format(entry=entry),
            _("Give a list of (volume, labels) or (volume, labels, sides)."),
        )
    return entry[0], entry[1], entry[2] if len(entry) == 3 else None


def _file_case(image: Path, labels: Path, sides: Mapping[str, Any] | None) -> Case:
    from neosegdino.cases.case import Case

    name = image.name.removesuffix(".gz").removesuffix(".nii")
    values = {side: _values(sides[side]) for side in ("left", "right")} if sides is not None else {}
    return Case(name, str(image.absolute()), str(labels.absolute()), name, **values)


def _values(given: Any) -> tuple[int, ...]:
    try:
        return tuple(int(value) for value in given) if isinstance(given, tuple | list) else (int(given),)
    except ValueError as error:
        raise TrainingError(
            _("In a file, a side is given by its values, not by {given!r}.").format(given=given),
            _('Give numbers, for example {"left": 1, "right": 2}.'),
        ) from error
