"""The worked example of docs/leaving-a-hosted-model.md: a server on this machine is the old model."""

import json
from pathlib import Path

import pytest

from gradschool.report.page import page
from gradschool.run import Run

ROOT = Path(__file__).parents[1]


def test_the_worked_example_ends_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from old_model import leave  # type: ignore[import-not-found]

    climbed = leave(tmp_path / "leaving")
    shown = (ROOT / "docs" / "leaving-a-hosted-model.md").read_text(encoding="utf-8").partition("```text\n")[2]
    before, *verdicts = shown.partition("\n```")[0].splitlines()
    said = capsys.readouterr().out.splitlines()
    assert all(part.strip(" …") in said[0] for part in before.split("…")) and said[1:] == verdicts
    assert climbed.verdict == "passed" and climbed.rung == "prompt"
    calls = [json.loads(line) for line in (tmp_path / "leaving" / "calls.jsonl").read_text().splitlines()]
    assert len(calls) == 372 and all(call.keys() == {"request", "response"} for call in calls)
    assert "at most 0.1 worse than calls.jsonl" in page(Run.open(tmp_path / "leaving" / "run"))
