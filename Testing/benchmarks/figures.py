"""What the benchmarks share: the machine, figures with their bars, the printed table and the JSON file."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "NeoSegDINO" / "Resources" / "SampleData" / "SyntheticNewborn-T2w.nii.gz"
CORES = 2
"""Cores of the budgets."""
PACKAGES = ("torch", "timm", "monai", "numpy", "nibabel", "slicer-core", "PySide6-Essentials")
BUSY = 0.5
"""Load per core before the start above which the machine counts as busy."""
GIB = 1 << 30

sys.path[:0] = [str(REPOSITORY / "NeoSegDINO"), str(REPOSITORY / "Testing")]


@dataclass(frozen=True)
class Figure:
    """One measured figure: median, smallest and largest value; `passed` is None where there is no bar."""

    what: str
    median: float
    lowest: float
    highest: float
    unit: str
    bar: str = ""
    passed: bool | None = None


def plain(what: str, values: Sequence[float], unit: str) -> Figure:
    """Figure without a bar."""
    return Figure(what, statistics.median(values), min(values), max(values), unit)


def at_most(what: str, values: Sequence[float], unit: str, limit: float) -> Figure:
    """Figure whose median must not be above the limit."""
    median = statistics.median(values)
    return Figure(what, median, min(values), max(values), unit, f"at most {limit:g} {unit}".strip(), median <= limit)


def at_least(what: str, values: Sequence[float], unit: str, limit: float) -> Figure:
    """Figure whose median must not be below the limit."""
    median = statistics.median(values)
    return Figure(what, median, min(values), max(values), unit, f"at least {limit:g} {unit}".strip(), median >= limit)


def sample_words() -> str:
    """Name, voxels and their size of the shipped sample."""
    import nibabel as nib

    header = nib.load(SAMPLE).header
    shape = "x".join(str(n) for n in header.get_data_shape())
    return f"{SAMPLE.name} ({shape} voxels of {header.get_zooms()[0]:.1f} mm)"


def busy() -> bool:
    """Whether the machine has other work."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] / cores() > BUSY


class Benchmark:
    """One script's arguments and its outcome; made before torch is imported, as it sets cores and threads.

    Parameters
    ----------
    description : str
        The script's docstring.
    """

    def __init__(self, description: str) -> None:
        self.parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
        self._busy = busy()
        _use_few_cores()

    def finish(
        self,
        data: str,
        figures: Sequence[Figure],
        target: Path | None,
        device: str = "",
        series: Sequence[dict[str, Any]] = (),
    ) -> dict[str, Any]:
        """Print the table, write the JSON file if one is asked for, and return what is in it.

        A series is a further table: rows of numbers, in lists where a number has a spread, all with the same names.
        """
        record = {
            "benchmark": Path(sys.argv[0]).stem,
            "command": _command(),
            "day": datetime.date.today().isoformat(),
            "machine": machine(device),
            "busy": self._busy,
            "versions": versions(),
            "data": data,
            "figures": [asdict(figure) for figure in figures],
        } | ({"series": list(series)} if series else {})
        print(table(record))
        if target is not None:
            target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        return record


def table(record: dict[str, Any]) -> str:
    """A record as text for a terminal."""
    lines = [
        f"{record['benchmark']}, {record['day']}" + (" (BUSY MACHINE: too slow)" if record["busy"] else ""),
        f"machine   {record['machine']}",
        f"versions  {', '.join(f'{name} {version}' for name, version in record['versions'].items())}",
        f"data      {record['data']}",
    ]
    figures = [Figure(**figure) for figure in record["figures"]]
    width = max(len(figure.what) for figure in figures)
    for figure in figures:
        verdict = {True: "pass", False: "FAIL", None: ""}[figure.passed]
        lines.append(f"  {figure.what:{width}}  {value(figure):32}  {figure.bar:20}  {verdict}".rstrip())
    for names, *rows in [columns(record)] if "series" in record else []:
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        lines += ["", *("  " + "  ".join(map(str.rjust, row, widths)) for row in (names, *rows))]
    return "\n".join(lines) + "\n"


def columns(record: dict[str, Any]) -> list[list[str]]:
    """Names and rows of a record's series as text; what a machine was too small for is a dash."""
    names = [name for name, number in record["series"][0].items() if not isinstance(number, list)]
    rows = [["-" if entry[name] is None else f"{entry[name]:.3g}" for name in names] for entry in record["series"]]
    return [names, *rows]


def value(figure: Figure) -> str:
    """Median and spread in words."""
    median, lowest, highest = (f"{number:.3g}" for number in (figure.median, figure.lowest, figure.highest))
    spread = "" if lowest == highest else f" ({lowest} to {highest})"
    return f"{median}{spread} {figure.unit}".rstrip()


def machine(device: str = "") -> str:
    """Processor, cores used, memory; a GPU is named first."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = (line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line)
        model = next(names, model)
    memory = psutil.virtual_memory().total / GIB
    return f"{device + '; ' if device else ''}{model}, {cores()} cores used, {memory:.0f} GiB memory"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Versions of this package, Python and the packages that matter."""
    import neosegdino

    found = {"neosegdino": neosegdino.__version__, "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, str]:
    """Environment of a child process that is to find the package and the rig."""
    paths = [str(REPOSITORY / "NeoSegDINO"), str(REPOSITORY / "Testing"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def in_fresh_processes(script: str, repeats: int) -> list[dict[str, Any]]:
    """Run ``script --once`` several times, one process after another; its last line is the outcome as JSON."""
    command = [sys.executable, script, "--once"]
    outputs = [
        subprocess.run(command, env=environment(), check=True, stdout=subprocess.PIPE, text=True).stdout
        for _ in range(repeats)
    ]
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def _command() -> str:
    """Script and arguments, without the JSON file and the folders of this machine."""
    parts = [Path(part).name for part in sys.argv]
    if "--json" in parts:
        at = parts.index("--json")
        del parts[at : at + 2]
    return " ".join(parts)


def _use_few_cores() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    os.environ |= {"OMP_NUM_THREADS": str(CORES), "MKL_NUM_THREADS": str(CORES)}
