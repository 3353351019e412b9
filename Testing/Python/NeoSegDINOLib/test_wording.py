from __future__ import annotations

import pytest
from neosegdino.errors import NeoSegDINOError
from NeoSegDINOLib.wording import error_in_words, progress_in_words, remaining_in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (float("nan"), ""),
        (0.2, "a few seconds left"),
        (11, "about 15 s left"),
        (54, "about 55 s left"),
        (58, "about 1 min left"),
        (61, "about 2 min left"),
    ],
)
def test_remaining_time(seconds, words):
    assert remaining_in_words(seconds) == words


def test_stage_and_time():
    assert progress_in_words("segment", 12) == "Outlining the hippocampi, about 15 s left"
    assert progress_in_words("segment", None) == "Outlining the hippocampi"


def test_a_stage_of_a_later_version_is_shown_by_its_name():
    assert progress_in_words("polish", None) == "Polish"


def test_error_with_and_without_remedy():
    assert error_in_words(NeoSegDINOError("Bad.", "Mend it.")) == "Bad.\n\nMend it."
    assert error_in_words(NeoSegDINOError("Bad.")) == "Bad."
