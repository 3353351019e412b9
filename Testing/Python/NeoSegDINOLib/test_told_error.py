from __future__ import annotations

import pytest
from neosegdino.errors import BundleError, CaseError, NeoSegDINOError, TrainingError
from NeoSegDINOLib.told_error import told_error

TEXT = "Warning: slow\nError: Case a is bad.\n  Remedy: Leave it out.\nleft\n"


@pytest.mark.parametrize(
    ("code", "kind"), [(9, CaseError), (4, BundleError), (10, TrainingError), (2, NeoSegDINOError)]
)
def test_error_and_remedy_as_the_worker_printed_them(code, kind):
    error = told_error(TEXT, code)
    assert type(error) is kind
    assert (error.message, error.remedy) == ("Case a is bad.", "Leave it out.")


def test_the_last_error_counts_with_its_own_remedy():
    error = told_error(TEXT + "Error: No such option: --x\n", 2)
    assert (error.message, error.remedy) == ("No such option: --x", "")


def test_a_traceback_is_told_by_its_last_line():
    error = told_error("Traceback (most recent call last):\n  File x\nKeyError: 'summary'\n", 1)
    assert "exit code 1: KeyError: 'summary'" in error.message


def test_silence_is_told_too():
    assert "it left no message" in told_error("", 137).message
