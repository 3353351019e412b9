from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TABLE = """
import sys
from pathlib import Path
import all
all.RESULTS, all.README, all.PLOT = (Path(name) for name in sys.argv[1:])
all.write_table()
"""


@pytest.mark.slow
def test_two_passes_over_few_small_windows(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    plot = tmp_path / "own.png"
    given = ["--window", "8", "--most", "4", "--repeats", "1", "--together", "2", "--plot", plot]
    given += ["--json", results / "window_memory.json"]
    command = [sys.executable, BENCHMARKS / "window_memory.py", *given]
    printed = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True).stdout

    record = json.loads((results / "window_memory.json").read_text())
    assert [entry["windows"] for entry in record["series"]] == [1, 2, 4]
    kept = [(entry["two passes, kept MiB"], entry["full graph, kept MiB"]) for entry in record["series"]]
    assert kept[0][0] > 0.1
    assert max(two for two, _ in kept) == pytest.approx(kept[0][0], rel=0.05)
    assert [full for _, full in kept] == pytest.approx([count * kept[0][0] for count in (1, 2, 4)], rel=0.05)
    for full in ("full graph", "full graph in groups"):
        assert all(entry[f"times {full}"] > 0 and len(entry[f"all times {full}"]) == 1 for entry in record["series"])
        assert f"two passes' time against the {full}, slowest" in printed
    judged = {figure["what"]: figure["passed"] for figure in record["figures"] if figure["bar"]}
    assert judged["two passes, 1 to 4 windows: growth of activation memory"]
    assert len(judged) == 3
    assert "full graph, kept MiB" in printed
    assert plot.read_bytes().startswith(b"\x89PNG")

    readme = tmp_path / "README.md"
    readme.write_text("head\n<!-- figures: begin -->\nold\n<!-- figures: end -->\ntail\n")
    files = [str(path) for path in (results, readme, tmp_path / "all.png")]
    subprocess.run([sys.executable, "-c", TABLE, *files], cwd=BENCHMARKS, check=True)
    text = readme.read_text()
    assert text.startswith("head\n")
    assert text.endswith("tail\n")
    assert "old" not in text
    assert "| windows | two passes, kept MiB | full graph, kept MiB | full graph in groups, kept MiB |" in text
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
