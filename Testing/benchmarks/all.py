"""Run all benchmarks of the CPU one after another and write their figures into the README's table.

    python Testing/benchmarks/all.py [--table]

Each script's figures go to ``results/<name>.json``; ``--table`` only makes the table again from the files there, also
from files brought from another machine (``encoding.py --device cuda --json results/encoding-cuda.json``). The plot of
the two-pass step is drawn from the same files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import figures
from figures import Figure
from two_pass_plot import draw

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
README = FOLDER / "README.md"
SCRIPTS = ("one_click", "unet", "window_memory", "start_up", "panel_block", "encoding")
BROUGHT = ("msd_hippocampus", "ablation", "image_making")
"""Scripts that need data or a machine which are not here; their figures are brought."""
PLOT = RESULTS / "two_pass.png"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def run(name: str) -> bool:
    """Run one script; False when it fails to give figures."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--json", str(RESULTS / f"{name}.json")]
    return subprocess.run(command, check=False).returncode == 0


def records() -> dict[str, dict[str, Any]]:
    """All records by the name of their file, in the order of the scripts."""
    order = (*SCRIPTS, *BROUGHT)
    paths = sorted(RESULTS.glob("*.json"), key=lambda path: (order.index(path.stem.split("-")[0]), path.stem))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def rows(name: str, record: dict[str, Any]) -> list[str]:
    """Rows of the README's table."""
    found = []
    for figure in (Figure(**entry) for entry in record["figures"]):
        verdict = {True: "yes", False: "**no**", None: ""}[figure.passed]
        found.append(f"| {name} | {figure.what} | {figures.value(figure)} | {figure.bar} | {verdict} |")
    return found


def series(name: str, record: dict[str, Any]) -> list[str]:
    """Further table of a script that has a series."""
    if "series" not in record:
        return []
    names, *rows = figures.columns(record)
    head = ["", f"{name}:", "", f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def conditions(name: str, record: dict[str, Any]) -> str:
    """Row on where and with what a script ran."""
    versions = ", ".join(f"{package} {version}" for package, version in record["versions"].items())
    machine = record["machine"] + (", **busy with other work: too slow**" if record["busy"] else "")
    command = f"`python Testing/benchmarks/{record['command']}`"
    return f"| {name} | {record['day']} | {machine} | {record['data']} | {versions} | {command} |"


def write_table() -> None:
    """Replace what stands between the README's markers."""
    known = records()
    lines = ["| script | what | median (smallest to largest) | bar | met |", "|---|---|---|---|---|"]
    lines += [row for name, record in known.items() for row in rows(name, record)]
    lines += [row for name, record in known.items() for row in series(name, record)]
    lines += ["", "| script | day | machine | data | versions | command |", "|---|---|---|---|---|---|"]
    lines += [conditions(name, record) for name, record in known.items()]
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text("\n".join([head + BEGIN, "", *lines, "", END + tail]), encoding="utf-8")
    if drawn := [record for name, record in known.items() if name.startswith("window_memory") and "series" in record]:
        draw(drawn, PLOT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="run nothing, only make the table again")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    failed = [] if arguments.table else [name for name in SCRIPTS if not run(name)]
    write_table()
    if failed:
        print(f"No figures from: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
