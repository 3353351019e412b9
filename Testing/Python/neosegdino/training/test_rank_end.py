from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest
from neosegdino.errors import TrainingError
from neosegdino.training.rank_end import GRACE_S, ended_by_torchrun, ignore_sigterm

WAIT = {
    "in Python": "time.sleep(60)",
    # A mutex locked twice: like a GPU's collective without its peer it never returns, whatever signal comes.
    "outside of Python": "lock(mutex); lock(mutex)",
    # Python forgets an error that is raised there.
    "in a finaliser": "Finalised(); time.sleep(60)",
}
PROCESS = """
import atexit, ctypes, time
from neosegdino.errors import TrainingError
from neosegdino.training import rank_end
from neosegdino.training.rank_end import ended_by_torchrun
lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(128)
class Finalised:
    def __del__(self):
        time.sleep(60)
try:
    with ended_by_torchrun():
        print("waiting", flush=True)
        {wait}
except TrainingError as error:
    print("raised:", error, flush=True)
    raise SystemExit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="locks a mutex of Linux's libc")
@pytest.mark.parametrize("where", WAIT)
def test_sigterm_ends_a_rank_wherever_it_waits(where: str) -> None:
    code, out, err = ended(PROCESS.format(wait=WAIT[where]))
    assert code == TrainingError.exit_code
    told = out if where == "in Python" else err
    assert "Another process of the run ended" in told
    assert "--resume" in told
    assert (out != "") == (where == "in Python")


@pytest.mark.skipif(sys.platform != "linux", reason="locks a mutex of Linux's libc")
def test_a_rank_that_hangs_while_it_cleans_up_ends_as_well() -> None:
    hang = "atexit.register(lambda: (lock(mutex), lock(mutex))); rank_end.LAST_RESORT_S = 2; time.sleep(60)"
    code, out, err = ended(PROCESS.format(wait=hang))
    assert code == 1
    assert "raised: Another process of the run ended" in out
    assert "Timeout" in err


def ended(script: str) -> tuple[int, str, str]:
    """Exit code and outputs of a process that got SIGTERM while it waited."""
    with subprocess.Popen([sys.executable, "-c", script], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.5)  # until it waits where it shall
        process.send_signal(signal.SIGTERM)
        try:
            out, err = process.communicate(timeout=4 * GRACE_S)
        finally:
            process.kill()
    return process.returncode, out, err


def test_nothing_is_left_of_it() -> None:
    before, threads = signal.getsignal(signal.SIGTERM), threading.active_count()
    with ended_by_torchrun():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1
    assert threading.active_count() == threads


def test_other_signals_do_not_end_it() -> None:
    taken: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: taken.append(number))
    try:
        with ended_by_torchrun():
            signal.raise_signal(signal.SIGUSR1)
            time.sleep(0.1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert taken == [signal.SIGUSR1]


def test_sigterm_is_ignored_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(ZeroDivisionError), ended_by_torchrun():
            raise ZeroDivisionError
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def work() -> None:
        with ended_by_torchrun():
            ignore_sigterm()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
