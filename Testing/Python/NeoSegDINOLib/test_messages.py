from __future__ import annotations

import json
from pathlib import Path

import pytest
from neosegdino.errors import BundleError, NeoSegDINOError, OutputError
from NeoSegDINOLib.job_log import JobLog
from NeoSegDINOLib.messages import WorkerMessages

SOURCE = Path("/private/T2w.nii")


def said(*events, exit_code=0):
    messages, log = WorkerMessages(), JobLog()
    for event in events:
        messages.read(json.dumps(event) + "\n", log)
    messages.exit_code = exit_code
    return messages.output(SOURCE, "T2w", log)


def test_progress_is_passed_on():
    line = '{"event": "progress", "fraction": 0.5, "stage": "encode", "remaining_s": null}'
    assert WorkerMessages().read(line, JobLog()) == (0.5, "encode", None)


def test_warnings_go_into_the_log():
    log = JobLog()
    WorkerMessages().read('{"event": "log", "level": "warning", "message": "no graphics card"}', log)
    assert "warning: no graphics card" in log.text()


def test_the_result_is_handed_over():
    assert said({"event": "result", "output": {"labels": "x"}}) == {"labels": "x"}


@pytest.mark.parametrize(("kind", "expected"), [("BundleError", BundleError), ("annotations", NeoSegDINOError)])
def test_the_workers_own_error_comes_first(kind, expected):
    event = {"event": "error", "kind": kind, "message": f"{SOURCE} is bad.", "remedy": "Mend it.", "exit_code": 4}
    with pytest.raises(expected) as caught:
        said(event, exit_code=4)
    assert type(caught.value) is expected
    assert caught.value.message == "T2w is bad."
    assert caught.value.remedy == "Mend it."


def test_an_exit_code_without_a_word_is_an_error():
    with pytest.raises(OutputError, match="exit code 7: it left no message"):
        said(exit_code=7)
