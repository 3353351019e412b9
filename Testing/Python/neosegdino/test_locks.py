from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from neosegdino.errors import OutputError, WeightsError
from neosegdino.locks import locked

BUSY = WeightsError("Another one works.", "Wait.")
HOLDING = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from neosegdino.errors import WeightsError
from neosegdino.locks import locked
with locked(Path({lock!r}), WeightsError("busy")):
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_kept_out_until_it_dies(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "lock"
    code = HOLDING.format(path=sys.path, lock=str(lock))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(WeightsError, match="Another one works"), locked(lock, BUSY, wait_s=0):
            pass
        threading.Timer(0.3, process.kill).start()
        with locked(lock, BUSY, wait_s=20):
            pass


def test_what_the_block_raises_comes_out_and_lets_go(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="of the block"), locked(tmp_path / "lock", BUSY):
        raise OSError("of the block")
    with locked(tmp_path / "lock", BUSY, wait_s=0):
        pass


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"), locked(tmp_path / "file" / "lock", BUSY):
        pass
