from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from neosegdino.cli import main
from neosegdino.training import finetune as training


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["finetune", *(str(part) for part in arguments)])


@pytest.mark.parametrize(
    "given",
    [
        ("--epochs", 100),
        ("--no-mirror",),
        ("--left", 17),
        ("--leave-out-bad",),
        ("--out", "elsewhere"),
        ("--bundle", "neonatal-starter"),
        ("--decoder-options", "{}"),
        ("--estimate",),
        ("--json",),
    ],
)
def test_what_a_run_that_goes_on_would_not_hear_is_refused(tmp_path: Path, given: tuple[object, ...]) -> None:
    told = run("--resume", tmp_path, *given)
    assert told.exit_code == 2
    option = str(given[0]).replace("--no-", "--")
    assert "settings that the run began with" in told.output and f"leave {option} out" in told.output


def test_a_run_that_goes_on_takes_a_device_and_a_kind_of_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def resume(out: Path, *, device: str | None, progress: object) -> None:
        asked.extend((out, device))
        raise training.TrainingError("Enough.")

    monkeypatch.setattr(training, "resume", resume)
    assert "Enough." in run("--resume", tmp_path, "--device", "cpu", "--progress", "none").output
    assert asked == [tmp_path, "cpu"]


def test_json_is_of_the_estimate(tmp_path: Path) -> None:
    told = run(tmp_path, "--out", tmp_path / "run", "--json")
    assert told.exit_code == 2
    assert "--json goes with --estimate" in told.output


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--spacing-mm", "1,1", "not three numbers"),
        ("--spacing-mm", "1,1,x", "not three numbers"),
        ("--spacing-mm", "1,1,0", "not three lengths above 0"),
        ("--spacing-mm", "1,1,nan", "not three lengths above 0"),
        ("--decoder-options", "{", "no JSON object"),
        ("--decoder-options", "[1]", "no JSON object"),
        ("--decoder-options", "3", "no JSON object"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, option: str, value: str, message: str) -> None:
    told = run(tmp_path, "--out", tmp_path / "run", option, value)
    assert told.exit_code == 2
    assert message in told.output
