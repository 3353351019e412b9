from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from NeoSegDINOLib.process import PACKAGE_PARENT, end_tree, start_worker, worker_program

GRANDCHILDREN = """
import subprocess, sys, time
inner = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
inner += "print(p.pid, flush=True); time.sleep(60)"
p = subprocess.Popen([sys.executable, "-c", inner])
print(p.pid, flush=True)
time.sleep(60)
"""


def test_slicers_python_runs_the_package(slicer_scene):
    python, *rest = worker_program()
    assert Path(python).name.startswith("PythonSlicer")
    assert rest == ["-m", "neosegdino"]


def test_outside_slicer_this_interpreter_runs_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert worker_program()[0] == sys.executable


def test_worker_finds_the_package_and_not_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.setattr("NeoSegDINOLib.process.worker_program", lambda: [sys.executable, "-c"])
    (tmp_path / "neosegdino.py").write_text("raise SystemExit('taken from the working folder')")
    with (tmp_path / "errors").open("wb") as errors:
        worker = start_worker(["import neosegdino; print(neosegdino.__file__)"], tmp_path, errors)
    out, _ = worker.communicate(timeout=30)
    assert out.strip() == str(PACKAGE_PARENT / "neosegdino" / "__init__.py")


@pytest.mark.parametrize("installed", [True, False], ids=["psutil", "before the first installation"])
def test_end_of_a_tree_of_three(installed, monkeypatch):
    root = subprocess.Popen([sys.executable, "-c", GRANDCHILDREN], stdout=subprocess.PIPE, text=True)
    assert root.stdout is not None
    family = [root.pid, *(int(root.stdout.readline()) for _ in range(2))]
    processes = [psutil.Process(pid) for pid in family]
    before = time.monotonic()
    with monkeypatch.context() as without:
        if not installed:
            without.setitem(sys.modules, "psutil", None)
        end_tree(root)
    assert time.monotonic() - before < 1.0
    assert root.wait(5) != 0
    _gone, alive = psutil.wait_procs(processes, timeout=5)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    root.stdout.close()


def test_end_of_what_has_ended_is_no_error():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    end_tree(done)
