from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from head_cases import exchanged, write_case
from neosegdino.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["cases", *(str(argument) for argument in arguments)])


def test_good_cases(tmp_path: Path) -> None:
    write_case(tmp_path, "a")
    write_case(tmp_path, "b", seed=1)
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert "2 cases of 2 subjects: all can be used." in result.stdout


def test_bad_case_is_an_exit_code_and_the_table_is_still_there(tmp_path: Path) -> None:
    write_case(tmp_path, "a")
    write_case(tmp_path, "b", labels=exchanged, seed=1)
    result = run(tmp_path)
    assert result.exit_code == 9
    assert "x  b " in result.stdout and "Sides swapped" in result.stdout


def test_json_is_all_that_is_printed(tmp_path: Path) -> None:
    write_case(tmp_path, "a", labels=exchanged)
    result = run(tmp_path, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["bad"], document["cases"][0]["name"]) == (9, 1, "a")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_name_that_is_no_utf_8_is_shown(tmp_path: Path, options: tuple[str, ...]) -> None:
    write_case(tmp_path, "s\udce4ugling")
    result = run(tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert r"s\udce4ugling" in result.stdout.replace("\\\\", "\\")


def test_options_reach_the_search(tmp_path: Path) -> None:
    case = write_case(tmp_path, "a", labels=exchanged)
    Path(case.image).rename(tmp_path / "a.nii.gz")
    Path(case.labels).rename(tmp_path / "a_seg.nii.gz")
    options = ["--images", "{case}.nii.gz", "--labels", "{case}_seg.nii.gz"]
    assert run(tmp_path, *options).exit_code == 9
    assert run(tmp_path, *options, "--left", "2,7", "--right", "1").exit_code == 0


@pytest.mark.parametrize("value", ["x", "1.5", "1;2"])
def test_values_that_are_no_numbers(tmp_path: Path, value: str) -> None:
    result = run(tmp_path, "--left", value)
    assert result.exit_code == 2 and "no list of whole numbers" in result.stderr


def test_source_that_is_not_there(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere")
    assert result.exit_code == 9 and "Remedy:" in result.stderr and result.stdout == ""


def test_as_a_process_without_torch(tmp_path: Path) -> None:
    write_case(tmp_path, "a")
    program = "import sys; sys.modules['torch'] = None\n"
    program += "from neosegdino.cli import main; main(['cases', sys.argv[1], '--json'], prog_name='neosegdino')"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["usable"] == 1
