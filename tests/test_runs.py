"""Runs are listed, compared and removed; files of the user stay."""

import json
from pathlib import Path

import pytest

import small_job
from gradschool.errors import UsageError
from gradschool.runs import compare_runs, list_runs, remove_run

JOB = 'task = "Say it back."\nbase_model = "fake"\n[goal]\nmetric = "exact_match"\npass_mark = {mark}\n'


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    rows = [{**row, "completion": row["prompt"]} for row in small_job.rows(72)]
    job = small_job.write_job(tmp_path / "an echo", JOB.format(mark=0.7), rows)
    for _ in range(2):
        assert small_job.run("climb", job).exit_code == 0
    return [Path("runs/an echo-1"), Path("runs/an echo-2")]


def test_runs_are_listed_and_compared(two: list[Path]) -> None:
    (two[0].parent / "bad").mkdir()
    (two[0].parent / "bad" / "run.json").write_text("{")
    assert [(one.run, one.state) for one in list_runs()] == [
        (str(two[0]), "passed"),
        (str(two[1]), "passed"),
        ("runs/bad", "damaged"),
    ]
    compared = compare_runs(*two)
    assert compared.difference and compared.difference.mean == 0 and compared.settings == {}
    assert "+0.000" in small_job.run("runs", *two).stdout
    assert "gradschool runs" in small_job.run("runs").stdout
    listed = json.loads(small_job.run("runs", "--json").stdout)
    assert [one["state"] for one in listed] == ["passed", "passed", "damaged"]
    page = json.loads(small_job.run("report", two[0], "-o", "page.html", "--json").stdout)
    assert page["written"] == "page.html" and Path("page.html").exists() and page["run"] == listed[0]


def test_a_run_is_removed_only_on_confirmation_and_files_of_the_user_stay(two: list[Path]) -> None:
    (two[0] / "notes.txt").write_text("mine")
    refused = small_job.run("runs", "--remove", two[0])
    assert refused.exit_code == 2 and "--yes" in refused.stderr and "'runs/an echo-1'" in refused.stderr
    removed = small_job.run("runs", "--remove", two[1], "--yes", "--json")
    assert json.loads(removed.stdout) == [{"run": str(two[1]), "files that stay": []}]
    assert not two[1].exists()
    assert remove_run(two[0]) == ["notes.txt"] and (two[0] / "notes.txt").read_text() == "mine"
    with pytest.raises(UsageError, match="is not a run"):
        remove_run(two[0])


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    assert "There are no runs" in small_job.run("runs", "--in", tmp_path).stdout
