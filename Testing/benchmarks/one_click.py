"""The command line ``neosegdino segment`` on the shipped sample, as a user types it: time and memory.

    python Testing/benchmarks/one_click.py [--json FILE] [NIFTI ...]

Time runs from the start of the process to its end, when labels, report and snapshot are saved. Memory is the largest
sum of resident memory over the process and its children, looked at every 20 ms, and beside it what the system itself
noted as the process's peak.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import figures
import psutil
from figures import GIB, SAMPLE, Figure

REPEATS = 3
LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class Click:
    """Seconds and bytes of one process."""

    seconds: float
    sampled: int
    noted: int


def resident(process: psutil.Process) -> int:
    """Resident bytes of a process and its children; 0 once it is gone."""
    total = 0
    try:
        for member in [process, *process.children(recursive=True)]:
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return total


def click(image: Path) -> Click:
    """Segment one image in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "neosegdino", "segment", str(image), "--out", folder]
        began = time.perf_counter()
        command += ["--device", "cpu", "--progress", "none"]
        process = subprocess.Popen(command, env=figures.environment(), stdout=subprocess.DEVNULL)
        watched, sampled = psutil.Process(process.pid), 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            sampled = max(sampled, resident(watched))
            time.sleep(LOOK_EVERY_S)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or not list(Path(folder).glob("*_hippocampus.nii.gz")):
            raise SystemExit(f"{image.name}: no result, exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Click(seconds, sampled, usage.ru_maxrss * unit)


def measure(image: Path) -> list[Figure]:
    """Figures of one image."""
    clicks = [click(image) for _ in range(REPEATS)]
    name = image.name.removesuffix(".gz").removesuffix(".nii")
    return [
        figures.at_most(f"{name}: process start to saved result", [one.seconds for one in clicks], "s", 15),
        figures.at_most(f"{name}: peak memory, sampled", [one.sampled / GIB for one in clicks], "GiB", 2.5),
        figures.at_most(f"{name}: peak memory, noted", [one.noted / GIB for one in clicks], "GiB", 2.5),
    ]


def main() -> None:
    benchmark = figures.Benchmark(__doc__ or "")
    benchmark.parser.add_argument("images", nargs="*", type=Path, metavar="NIFTI", help="further images")
    arguments = benchmark.parser.parse_args()
    rows = [figure for image in [SAMPLE, *arguments.images] for figure in measure(image)]
    benchmark.finish(f"{figures.sample_words()}; {REPEATS} runs each", rows, arguments.json)


if __name__ == "__main__":
    main()
