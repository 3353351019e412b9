"""The folder of the latest fine-tuning run, kept in Slicer's settings: found again after Slicer was closed."""

from __future__ import annotations

from pathlib import Path

import slicer

from NeoSegDINOLib.detached import is_alive

KEY = "NeoSegDINO/FinetuneRun"


def remember(folder: Path) -> None:
    """Keep a run's folder."""
    slicer.app.userSettings().setValue(KEY, str(folder))


def forget() -> None:
    """Keep none any more."""
    slicer.app.userSettings().remove(KEY)


def remembered() -> Path | None:
    """The folder kept, if it still holds a run."""
    text = slicer.util.settingsValue(KEY, "")
    if not text:
        return None
    folder = Path(text)
    return folder if (folder / "status.json").is_file() else None


def working_elsewhere(folder: Path) -> Path | None:
    """The remembered run's folder, if a worker is at work there and it is not the given one."""
    from neosegdino.errors import TrainingError
    from neosegdino.training.run_folder import RunFolder

    kept = remembered()
    if kept is None or _same(kept, folder):
        return None
    try:
        status = RunFolder(kept).read_status()
    except TrainingError:  # damaged, or just being replaced: no reason to refuse another run
        return None
    working = status is not None and status.state in ("starting", "training") and is_alive(status)
    return kept if working else None


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
