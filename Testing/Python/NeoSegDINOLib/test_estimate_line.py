from __future__ import annotations

import pytest
from NeoSegDINOLib.estimate_line import duration_in_words, estimate_in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "About 5 s"), (61, "About 65 s"), (91, "About 2 min"), (3600, "About 60 min"), (9000, "About 2.5 h")],
)
def test_durations(seconds, words):
    assert duration_in_words(seconds) == words


def test_without_features_no_disk_is_named():
    estimate = {"seconds": 60, "memory_bytes": 2**30, "feature_bytes": 0, "device": "CPU"}
    line = estimate_in_words(estimate | {"training_cases": 3, "validation_cases": 1})
    assert line == "About 60 s, 1.0 GiB of memory; 3 cases to train on, 1 to validate (CPU)."
