"""The expected output of a rejected command, and small jobs with errors."""

from pathlib import Path

from typer.testing import Result

import small_job

GOAL = '[goal]\nmetric = "token_f1"\npass_mark = 0.7\n'
FAKE = 'task = "Write the order down."\nbase_model = "fake"\n'
ROWS = small_job.rows(40)


def refused(result: Result, code: int, *words: str) -> None:
    """A message in three parts with these words, the exit code, and no trace of a trace."""
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert "Traceback" not in result.output
    assert len(lines) >= 3, lines
    fixes = [line.removeprefix("What to do: ") for line in lines[2:] if line.startswith("What to do: ")]
    assert fixes and len(fixes[-1]) > 10, lines
    assert all(word in result.stderr for word in words), result.stderr


def left(folder: Path) -> list[str]:
    """The runs that a command left behind."""
    return sorted(path.name for path in (folder / "runs").glob("*")) if (folder / "runs").exists() else []
