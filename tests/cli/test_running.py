"""The command `runs`: what it refuses, and that it says so."""

import json
from pathlib import Path

import pytest

import made
from small_job import run


def test_a_folder_without_runs(tmp_path: Path) -> None:
    assert "There are no runs in" in run("runs", "--in", tmp_path).output
    assert json.loads(run("runs", "--in", tmp_path, "--json").stdout) == []


@pytest.mark.parametrize(
    "options, said", [(["a", "b", "c"], "Two runs can be compared."), (["--remove"], "There is nothing to remove.")]
)
def test_wrong_numbers_of_runs_are_errors(options: list[str], said: str) -> None:
    result = run("runs", *options)
    assert result.exit_code == 2 and said in result.output


def test_nothing_is_removed_if_one_of_several_is_not_a_run(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    result = run("runs", "--remove", tmp_path / "mine", tmp_path / "gone", "--yes")
    assert result.exit_code == 2 and "is not a run" in result.output and (tmp_path / "mine/notes.txt").exists()


def test_names_stay_whole_in_narrow_consoles(tmp_path: Path) -> None:
    run_ = made.echo(tmp_path / "a-run-with-a-name-that-is-longer-than-most").parent
    for columns in (60, 300):
        shown = run("runs", run_, columns=columns).stdout
        assert str(run_) in shown and "fake" in shown and "…" not in shown
