"""The command `climb`: what it says when a climb ends in an error."""

import shlex
from pathlib import Path

import pytest

from gradschool import climbing
from gradschool.errors import RemoteError
from gradschool.records import Work
from small_job import run
from unsure import write_job


def failing(*_: object) -> Work[None]:
    yield from ()
    raise RemoteError("The server does not answer.", "It is off.", "start it, then repeat the command.")


def test_an_error_in_the_middle_names_the_command_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command would begin a second climb, which looks at the test set again and asks everything again."""
    job, folder = write_job(tmp_path / "job"), tmp_path / "a run"
    monkeypatch.setattr(climbing, "climb_rungs", failing)
    result = run("climb", job, "--run", folder, columns=600)
    assert result.exit_code == 6
    assert f"gradschool climb --resume {shlex.quote(str(folder))}" in result.output
    again = run("climb", "--resume", folder, columns=600)
    assert again.exit_code == 6 and "--resume" not in again.output


def test_an_error_before_the_split_leaves_nothing_to_go_on_with(tmp_path: Path) -> None:
    job = write_job(tmp_path / "job", count=3)
    result = run("climb", job, "--run", tmp_path / "run", columns=600)
    assert result.exit_code == 4 and "--resume" not in result.output
