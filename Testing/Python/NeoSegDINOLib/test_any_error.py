from __future__ import annotations

import logging

import pytest
from neosegdino.errors import DependencyError, OutputError, VolumeError
from NeoSegDINOLib.any_error import as_told


def test_an_error_that_is_told_stays_as_it_is():
    error = VolumeError("No image.", "Load one.")
    assert as_told(error) is error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ImportError("no torch"), DependencyError, "A Python package does not load: no torch."),
        (PermissionError("not yours"), OutputError, "A file cannot be used: not yours."),
        (KeyError("x"), OutputError, "Unexpected: KeyError('x')."),
    ],
)
def test_any_other_has_a_message_and_a_remedy(error, kind, words):
    told = as_told(error)
    assert type(told) is kind
    assert told.message == words
    assert told.remedy


@pytest.mark.parametrize(("error", "count"), [(ValueError("odd"), 1), (OSError("full"), 0)])
def test_the_console_holds_the_traceback_of_what_nobody_expects(caplog, error, count):
    with caplog.at_level(logging.ERROR):
        as_told(error)
    assert [record.exc_info[1] for record in caplog.records] == [error] * count
